/**
 * A stream into a guest. The agent says how much of it the run has taken, and no more is sent ahead than a window, so
 * that what nobody reads piles up neither in the guest nor on the line.
 */
import { Writable } from "node:stream";

const windowBytes = 512 * 1024;
const chunkBytes = 32_768;

export class LineInput extends Writable {
  readonly #send: (payload: Uint8Array) => void;
  readonly #onEnd: () => void;
  #onWay = 0;
  #waiting: { rest: Buffer; done: () => void } | undefined;

  constructor(send: (payload: Uint8Array) => void, onEnd: () => void) {
    super({ decodeStrings: true });
    this.#send = send;
    this.#onEnd = onEnd;
    // Its other end may go at any time; how the run ended is told by the exit alone.
    this.on("error", () => {});
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = { rest: chunk, done };
    this.#pump();
  }

  override _final(done: () => void): void {
    this.#onEnd();
    done();
  }

  /** The run has taken so many bytes. A guest that tells more than it was sent gains nothing by it. */
  taken(bytes: number): void {
    this.#onWay = Math.max(0, this.#onWay - bytes);
    this.#pump();
  }

  #pump(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    while (waiting.rest.length > 0 && this.#onWay < windowBytes) {
      const part = waiting.rest.subarray(0, chunkBytes);
      waiting.rest = waiting.rest.subarray(part.length);
      this.#onWay += part.length;
      this.#send(part);
    }
    if (waiting.rest.length > 0) return;
    this.#waiting = undefined;
    waiting.done();
  }
}
