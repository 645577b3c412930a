/** Counts the bytes that a sandbox moves over the network, both ways, and says when they are too many. */
import { Transform, type TransformCallback } from "node:stream";

export class Meter {
  readonly #limit: number;
  readonly #onLimit: () => void;
  #bytes = 0;

  /** @param onLimit called once, when more than `limit` bytes have passed. */
  constructor(limit: number, onLimit: () => void) {
    this.#limit = limit;
    this.#onLimit = onLimit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isExceeded(): boolean {
    return this.#bytes > this.#limit;
  }

  count(bytes: number): void {
    const before = this.isExceeded;
    this.#bytes += bytes;
    if (!before && this.isExceeded) this.#onLimit();
  }

  /** Passes bytes on and counts them. Whoever set the limit ends the connection. */
  stream(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) => {
        this.count(chunk.length);
        done(null, chunk);
      },
    });
  }
}
