/**
 * Takes the empty pages out of a saved machine while it is being saved.
 *
 * QEMU writes a record for each page of memory that holds nothing but zeros, and where it restores one it reads the page to
 * see whether it is empty already. That is a fault for each page that the guest has never used, and on some kernels memory of
 * the host. The memory that a state is restored into is new, so such records say nothing.
 *
 * The form of the stream is that of `migration/savevm.c` and `migration/ram.c` of QEMU (section "ram" in version 4).
 * Whatever is of another form passes as it is, with all that follows.
 */
import { Transform, type TransformCallback } from "node:stream";

const section = { start: 0x01, part: 0x02, end: 0x03, configuration: 0x07, footer: 0x7e } as const;
const flag = { zero: 0x02, total: 0x04, page: 0x08, endOfSection: 0x10, sameBlock: 0x20 } as const;
const streamVersion = 3;
const ramVersion = 4;
const pageBytes = 4096;
/** The memory proper. Others hold firmware, which the new machine has laid there already. */
const emptyAtStart = "pc.ram";

export class LeanState extends Transform {
  /** Records that were left out. */
  dropped = 0;
  /** Whether the whole of the memory was understood, and no empty page of it is left. */
  isLean = false;
  #pending: Buffer = Buffer.alloc(0);
  #at = 0;
  #next: () => boolean = this.#header;
  #ramSection = -1;
  #block = "";
  #blockBytesLeft = 0n;
  /** Start of what is kept and was not handed on yet. */
  #keptFrom = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#next()) {
      // Each step moves on, or waits for more.
    }
    this.#handOn(this.#at);
    this.#pending = this.#pending.subarray(this.#at);
    this.#at = 0;
    this.#keptFrom = 0;
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#pending.length > 0) this.push(this.#pending);
    done();
  }

  #handOn(end: number): void {
    if (end > this.#keptFrom) this.push(this.#pending.subarray(this.#keptFrom, end));
  }

  #has(bytes: number): boolean {
    return this.#pending.length - this.#at >= bytes;
  }

  #step(bytes: number, next: () => boolean): boolean {
    this.#at += bytes;
    this.#next = next;
    return true;
  }

  /** Not understood, or past the memory: all that follows passes. */
  #rest(): boolean {
    this.#at = this.#pending.length;
    this.#next = this.#rest;
    return false;
  }

  #header(): boolean {
    if (!this.#has(8)) return false;
    const isKnown =
      this.#pending.toString("latin1", 0, 4) === "QEVM" && this.#pending.readUInt32BE(4) === streamVersion;
    return isKnown ? this.#step(8, this.#section) : this.#rest();
  }

  #section(): boolean {
    if (!this.#has(6)) return false;
    const [type] = this.#pending.subarray(this.#at);
    const number = this.#pending.readUInt32BE(this.#at + 1);
    if (type === section.configuration) return this.#has(5 + number) ? this.#step(5 + number, this.#section) : false;
    if (type === section.footer) return this.#step(5, this.#section);
    if (type === section.start) return this.#startSection(number);
    if ((type === section.part || type === section.end) && number === this.#ramSection) {
      if (type === section.end) this.isLean = true;
      return this.#step(5, this.#record);
    }
    return this.#rest();
  }

  #startSection(number: number): boolean {
    const nameBytes = this.#pending[this.#at + 5]!;
    const bytes = 6 + nameBytes + 8;
    if (!this.#has(bytes)) return false;
    const name = this.#pending.toString("latin1", this.#at + 6, this.#at + 6 + nameBytes);
    const version = this.#pending.readUInt32BE(this.#at + bytes - 4);
    if (name !== "ram" || version !== ramVersion) return this.#rest();
    this.#ramSection = number;
    return this.#step(bytes, this.#total);
  }

  #total(): boolean {
    if (!this.#has(8)) return false;
    const word = this.#pending.readBigUInt64BE(this.#at);
    if ((word & 0xfffn) !== BigInt(flag.total)) return this.#rest();
    this.#blockBytesLeft = word & ~0xfffn;
    return this.#step(8, this.#blockLength);
  }

  /** The list of blocks: names and lengths, until they make up the total. */
  #blockLength(): boolean {
    if (this.#blockBytesLeft <= 0n) return this.#step(0, this.#record);
    if (!this.#has(1)) return false;
    const bytes = 1 + this.#pending[this.#at]! + 8;
    if (!this.#has(bytes)) return false;
    this.#blockBytesLeft -= this.#pending.readBigUInt64BE(this.#at + bytes - 8);
    return this.#step(bytes, this.#blockLength);
  }

  #record(): boolean {
    if (!this.#has(8)) return false;
    const flags = this.#pending.readUInt16BE(this.#at + 6) & 0xfff;
    if (flags === flag.endOfSection) return this.#step(8, this.#section);
    const isSameBlock = (flags & flag.sameBlock) !== 0;
    const kind = flags & ~flag.sameBlock;
    if (kind !== flag.zero && kind !== flag.page) {
      this.isLean = false;
      return this.#rest();
    }
    if (!isSameBlock && !this.#has(9)) return false;
    const nameBytes = isSameBlock ? 0 : 1 + this.#pending[this.#at + 8]!;
    const bytes = 8 + nameBytes + (kind === flag.page ? pageBytes : 1);
    if (!this.#has(bytes)) return false;
    if (!isSameBlock) this.#block = this.#pending.toString("latin1", this.#at + 9, this.#at + 8 + nameBytes);
    // A record that names its block stays, because those that follow mean the same one.
    const isEmpty = kind === flag.zero && isSameBlock && this.#pending[this.#at + 8] === 0;
    if (isEmpty && this.#block === emptyAtStart) this.#drop(bytes);
    return this.#step(bytes, this.#record);
  }

  #drop(bytes: number): void {
    this.#handOn(this.#at);
    this.#keptFrom = this.#at + bytes;
    this.dropped++;
  }
}
