/**
 * The line between the host and an agent: a virtio-serial port of a guest, or the standard streams of a container.
 *
 *     frame := length (4 bytes, big endian) kind (1 byte) payload
 *
 * The agent is ours, but code may have broken out of its wall and speak in its place. So the reader keeps
 * no more than one frame of bounded length, refuses a longer one at its header, before a byte of it is kept, and
 * whoever hears from it counts what comes in all. What each kind is: see `agent.py` of guests and
 * `agent.pl` of containers.
 */

/** Longest payload from a guest. */
export const longestFrame = 65_536;
const headerBytes = 5;

export interface Frame {
  readonly kind: string;
  readonly payload: Buffer;
}

export function encodeFrame(kind: string, payload: Uint8Array | string = ""): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(headerBytes + bytes.length);
  frame.writeUInt32BE(bytes.length, 0);
  frame.write(kind, 4, 1, "latin1");
  frame.set(bytes, headerBytes);
  return frame;
}

export class FrameDecoder {
  #pending: Buffer = Buffer.alloc(0);
  #wanted = headerBytes;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  /**
   * The frames that `chunk` completes.
   *
   * @throws RangeError for a frame that claims more than the longest.
   */
  push(chunk: Buffer): Frame[] {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#pending.length + this.#waitingBytes < this.#wanted) return [];
    let rest = Buffer.concat([this.#pending, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
    const frames: Frame[] = [];
    for (;;) {
      this.#wanted = headerBytes;
      if (rest.length < headerBytes) break;
      const length = rest.readUInt32BE(0);
      if (length > longestFrame)
        throw new RangeError(`the guest announced a message of ${length} bytes; the longest is ${longestFrame}`);
      this.#wanted = headerBytes + length;
      if (rest.length < this.#wanted) break;
      frames.push({ kind: rest.toString("latin1", 4, 5), payload: rest.subarray(headerBytes, this.#wanted) });
      rest = rest.subarray(this.#wanted);
    }
    this.#pending = Buffer.from(rest);
    return frames;
  }
}
