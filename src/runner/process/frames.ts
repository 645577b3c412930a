/**
 * Values over a pipe: four bytes of length, then the value as `node:v8` serialises it, so that a Map, a Date, a Buffer,
 * `undefined` and a BigInt arrive as what they were. (Of Node's own channels for `fork`, the JSON one loses those types
 * and the advanced one is slower than this.)
 */
import { DefaultSerializer, deserialize } from "node:v8";

const headerBytes = 4;
const emptyHeader = new Uint8Array(headerBytes);

/** One frame. Throws where the value cannot be cloned, or is larger than a frame can be (4 GiB). */
export function encodeFrame(value: unknown): Buffer {
  const serializer = new DefaultSerializer();
  // Room for the length, which is known at the end: writing it here saves a copy of the whole.
  serializer.writeRawBytes(emptyHeader);
  serializer.writeHeader();
  serializer.writeValue(value);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32LE(frame.length - headerBytes, 0);
  return frame;
}

/** Puts the pieces of a stream together and hands over each value that is complete. */
export class FrameReader {
  readonly #onValue: (value: unknown) => void;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes of the next frame's value; -1 until its header is there. */
  #wanted = -1;

  constructor(onValue: (value: unknown) => void) {
    this.#onValue = onValue;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (;;) {
      if (this.#wanted < 0) {
        if (this.#bytes < headerBytes) return;
        this.#wanted = this.#take(headerBytes).readUInt32LE(0);
      }
      if (this.#bytes < this.#wanted) return;
      const frame = this.#take(this.#wanted);
      this.#wanted = -1;
      this.#onValue(deserialize(frame));
    }
  }

  #take(count: number): Buffer {
    const [first] = this.#chunks;
    const all =
      this.#chunks.length === 1
        ? Buffer.from(first!.buffer, first!.byteOffset, first!.length)
        : Buffer.concat(this.#chunks);
    this.#bytes -= count;
    this.#chunks = this.#bytes > 0 ? [all.subarray(count)] : [];
    return all.subarray(0, count);
  }
}
