/** Bytes of a journal, written into a buffer that is used again and again, and read from one. Numbers are little-endian. */

const smallest = 64 * 1024;
/** A buffer that had to grow beyond this for one batch is not kept for the next. */
const largestKept = 4 * 1024 * 1024;
/** Below this many characters a loop is faster than a call into Node. */
const shortText = 40;

export class ByteWriter {
  buffer: Buffer = Buffer.allocUnsafe(smallest);
  /** Where the next byte goes. */
  length = 0;

  /** Starts over. */
  clear(): void {
    this.length = 0;
    if (this.buffer.length > largestKept) this.buffer = Buffer.allocUnsafe(smallest);
  }

  /** Takes back all that was written from `length` on. */
  truncate(length: number): void {
    this.length = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.buffer[this.length++] = value;
  }

  /** A whole number from 0 to 2^53 - 1, in 7 bits a byte. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.length++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Well-formed text, in UTF-8 after its length in bytes. */
  text(text: string): void {
    if (text.length < shortText && this.#shortAscii(text)) return;
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.#reserve(size);
    this.length += this.buffer.write(text, this.length, "utf8");
  }

  /** Any text, lone surrogates included, in UTF-16 after its length in bytes. */
  text16(text: string): void {
    this.varint(text.length * 2);
    this.#reserve(text.length * 2);
    this.length += this.buffer.write(text, this.length, "utf16le");
  }

  #shortAscii(text: string): boolean {
    this.#reserve(shortText + 1);
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = text.length;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      buffer[at++] = unit;
    }
    this.length = at;
    return true;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** Bytes that are not what a reader of them expects. */
export class MalformedBytes extends Error {}

export class ByteReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(buffer: Buffer, at = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  byte(): number {
    if (this.at >= this.end) throw new MalformedBytes("ends too early");
    return this.buffer[this.at++]!;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 0x80;
      if (factor > Number.MAX_SAFE_INTEGER) throw new MalformedBytes("has a number that is too large");
    }
    if (!Number.isSafeInteger(value)) throw new MalformedBytes("has a number that is too large");
    return value;
  }

  double(): number {
    return this.buffer.readDoubleLE(this.#take(8));
  }

  /** A view of the next bytes; whoever keeps it copies it. */
  bytes(count: number): Buffer {
    const from = this.#take(count);
    return this.buffer.subarray(from, from + count);
  }

  text(): string {
    const size = this.varint();
    const from = this.#take(size);
    return this.buffer.toString("utf8", from, from + size);
  }

  /** Text that is often the one before: that one is given again, and not made anew. */
  textLike(before: string): string {
    const { at } = this;
    const size = this.varint();
    const from = this.#take(size);
    let same = size === before.length;
    for (let index = 0; same && index < size; index++) same = this.buffer[from + index] === before.charCodeAt(index);
    if (same) return before;
    this.at = at;
    return this.text();
  }

  text16(): string {
    const size = this.varint();
    const from = this.#take(size);
    return this.buffer.toString("utf16le", from, from + size);
  }

  #take(count: number): number {
    const from = this.at;
    if (count > this.end - from) throw new MalformedBytes("ends too early");
    this.at = from + count;
    return from;
  }
}
