/**
 * One pack that is read: its frames are found as it grows, and each is checked again when it is read. Frames are read from
 * blocks, of which those used last are kept: asking the system for each would cost more than all else about a hit.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { LRUCache } from "lru-cache";
import {
  decodeFrame,
  type Frame,
  packHeaderLength,
  packVersion,
  saltOfPack,
  scanFrames,
  versionOfPack,
} from "./pack-format.js";

/** How much is read at once. A frame is never longer. */
const chunkLength = 32 * 2 ** 20;

const blockLength = 65_536;
/** 32 MiB. */
const mostBlocks = 512;

/** The blocks that were read last, of all packs of a folder. */
export class BlockCache {
  readonly #blocks = new LRUCache<number, Buffer>({ max: mostBlocks });
  #packs = 0;

  nextPack(): number {
    return this.#packs++;
  }

  get(pack: number, block: number): Buffer | undefined {
    return this.#blocks.get(pack * 2 ** 24 + block);
  }

  set(pack: number, block: number, bytes: Buffer): void {
    this.#blocks.set(pack * 2 ** 24 + block, bytes);
  }
}

export type PackState = "good" | "newer" | "foreign";

export class Pack {
  readonly name: string;
  readonly path: string;
  readonly #fd: number;
  readonly #blocks: BlockCache;
  readonly #number: number;
  /** Up to where frames have been found. */
  #scanned = packHeaderLength;
  #state: PackState | undefined;
  #salt = 0;
  size = 0;

  constructor(name: string, path: string, blocks: BlockCache) {
    this.name = name;
    this.path = path;
    this.#blocks = blocks;
    this.#number = blocks.nextPack();
    this.#fd = openSync(path, "r");
  }

  /** What it is; `undefined` while its header is not all there. */
  get state(): PackState | undefined {
    if (this.#state !== undefined) return this.#state;
    const header = this.#readBytes(0, packHeaderLength);
    if (header.length < packHeaderLength) return undefined;
    const version = versionOfPack(header);
    this.#salt = saltOfPack(header);
    this.#state = version === undefined ? "foreign" : version > packVersion ? "newer" : "good";
    return this.#state;
  }

  /** Tells of the frames that have been added since the last time; gives how many bytes were damaged. */
  scan(found: (frame: Frame, offset: number, length: number) => void): number {
    this.size = fstatSync(this.#fd).size;
    if (this.size <= this.#scanned || this.state !== "good") return 0;
    let damaged = 0;
    while (this.#scanned < this.size) {
      const bytes = this.#readBytes(this.#scanned, Math.min(chunkLength, this.size - this.#scanned));
      const scanned = scanFrames(bytes, this.#scanned, this.#salt, found);
      damaged += scanned.damaged;
      if (scanned.end === this.#scanned) break;
      this.#scanned = scanned.end;
    }
    return damaged;
  }

  /** Whether frames were found up to its end. */
  get isWhole(): boolean {
    return this.#scanned >= this.size;
  }

  /** Nothing more is looked for in what there is. */
  takeAsWhole(): void {
    this.#scanned = this.size;
  }

  /** What was written by this process itself need not be looked for. */
  wrote(end: number): void {
    this.#scanned = end;
    this.size = end;
  }

  /**
   * The frame at a place; `undefined` where it is damaged or gone.
   * @param name the only one that it may have
   */
  read(offset: number, length: number, name?: string): Frame | undefined {
    if (this.state !== "good") return undefined;
    // A block that was read while somebody wrote it is read again.
    const inBlock = this.#inBlock(offset, length, name);
    return inBlock ?? decodeFrame(this.#readBytes(offset, length), 0, length, this.#salt, name);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The frame, where it lies in one block. */
  #inBlock(offset: number, length: number, name: string | undefined): Frame | undefined {
    const number = Math.floor(offset / blockLength);
    const start = offset - number * blockLength;
    if (start + length > blockLength) return undefined;
    let block = this.#blocks.get(this.#number, number);
    if (block === undefined || block.length < start + length) {
      block = this.#readBytes(number * blockLength, blockLength);
      this.#blocks.set(this.#number, number, block);
    }
    return decodeFrame(block, start, length, this.#salt, name);
  }

  #readBytes(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let read = 0;
    while (read < length) {
      const count = readSync(this.#fd, bytes, read, length - read, offset + read);
      if (count === 0) break;
      read += count;
    }
    return read === length ? bytes : bytes.subarray(0, read);
  }
}
