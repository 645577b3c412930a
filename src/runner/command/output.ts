/** What a command writes to one of its streams: the first bytes kept, each line told as it comes. */
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { untilQuiet } from "../until-quiet.js";
import { LineSplitter } from "./line-splitter.js";

export interface OutputOptions {
  readonly maximumBytes: number;
  readonly onLine: (line: string) => void;
  /** Called once, when there is more than is kept. */
  readonly onLimit: () => void;
}

export class CapturedOutput {
  /** Resolves when the stream is at its end. */
  readonly ended: Promise<void>;
  readonly #chunks: Uint8Array[] = [];
  readonly #lines: LineSplitter;
  readonly #options: OutputOptions;
  readonly #stream: Readable;
  #bytes = 0;
  #bytesRead = 0;
  truncated = false;

  constructor(stream: Readable, options: OutputOptions) {
    this.#options = options;
    this.#lines = new LineSplitter(options.onLine);
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => this.#take(chunk));
    this.ended = new Promise((resolve) => {
      stream.once("close", resolve);
      // An error while reading ends the output; that of the command is told by its exit.
      stream.once("error", () => resolve());
    });
  }

  /** What was read, kept or not. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Reads no more, and tells the last line. */
  finish(): void {
    this.#stream.destroy();
    this.#lines.end();
  }

  /** What was kept, as text; bytes that are no UTF-8 become U+FFFD, a character that was cut off at the limit is left out. */
  text(): string {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return decoder.decode(Buffer.concat(this.#chunks), { stream: this.truncated });
  }

  /** The last of what was kept. */
  tail(bytes: number): string {
    const all = Buffer.concat(this.#chunks);
    return new TextDecoder().decode(all.subarray(Math.max(0, all.length - bytes)));
  }

  #take(chunk: Uint8Array): void {
    this.#bytesRead += chunk.length;
    const room = this.#options.maximumBytes - this.#bytes;
    if (room <= 0 && chunk.length > 0) {
      this.#limitReached();
      return;
    }
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#bytes += kept.length;
    this.#chunks.push(kept);
    this.#lines.push(kept);
    if (kept.length < chunk.length) this.#limitReached();
  }

  #limitReached(): void {
    if (this.truncated) return;
    this.truncated = true;
    this.#options.onLimit();
  }
}

/**
 * Reads what a program that has exited wrote: to the end of its streams, or, where somebody else holds them open, all
 * that comes within `waitMs` and all that is in the pipes by then. A process that was held up finds the end of the wait
 * and full pipes at the same moment, and timers go first: so the pipes are read until a turn of the loop brings nothing.
 */
export async function readToEnd(outputs: readonly CapturedOutput[], waitMs: number): Promise<void> {
  const waiting = new AbortController();
  const ended = Promise.all(outputs.map((output) => output.ended)).then(() => true);
  const waited = delay(waitMs, false, { signal: waiting.signal }).catch(() => false);
  const complete = await Promise.race([ended, waited]);
  waiting.abort();
  if (complete) return;
  await untilQuiet(() => outputs.reduce((sum, output) => sum + output.bytesRead, 0));
}
