/**
 * What an attached container writes, as the daemon sends it over one connection:
 *
 *     stream (1 byte: 1 output, 2 error) 0 0 0 length (4 bytes, big endian) payload
 *
 * Payloads are handed on as they come, so that a length, whatever it claims, makes nobody wait or keep.
 */
export class Demultiplexer {
  readonly #onChunk: (stream: number, chunk: Buffer) => void;
  #header: Buffer = Buffer.alloc(0);
  #left = 0;
  #stream = 0;

  constructor(onChunk: (stream: number, chunk: Buffer) => void) {
    this.#onChunk = onChunk;
  }

  /** @throws RangeError for a stream that there is not. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left);
        this.#left -= part.length;
        rest = rest.subarray(part.length);
        this.#onChunk(this.#stream, part);
        continue;
      }
      const missing = headerBytes - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (this.#header.length < headerBytes) return;
      this.#stream = this.#header[0]!;
      if (this.#stream > 2) throw new RangeError(`the daemon sent a stream of number ${this.#stream}`);
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
  }
}

const headerBytes = 8;
