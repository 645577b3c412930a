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
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  /** Of the frame that is under way: made once its header is whole. */
  #payload: Buffer | undefined;
  #payloadFilled = 0;

  /**
   * The frames that `chunk` completes. Each has a payload of its own, copied once, so that a flood leaves as little garbage as
   * can be.
   *
   * @throws RangeError for a frame that claims more than the longest.
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#payload === undefined) {
        const copied = chunk.copy(this.#header, this.#headerFilled, offset);
        offset += copied;
        this.#headerFilled += copied;
        if (this.#headerFilled < headerBytes) break;
        this.#payload = Buffer.allocUnsafe(this.#announced());
        this.#payloadFilled = 0;
      }
      const copied = chunk.copy(this.#payload, this.#payloadFilled, offset);
      offset += copied;
      this.#payloadFilled += copied;
      if (this.#payloadFilled < this.#payload.length) break;
      frames.push({ kind: this.#header.toString("latin1", 4, 5), payload: this.#payload });
      this.#payload = undefined;
      this.#headerFilled = 0;
    }
    return frames;
  }

  #announced(): number {
    const length = this.#header.readUInt32BE(0);
    if (length <= longestFrame) return length;
    throw new RangeError(`the guest announced a message of ${length} bytes; the longest is ${longestFrame}`);
  }
}
