/** The pack that this process writes. Made when there is something to write; a write that fails leaves nothing behind. */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isOwnerRunning, ownerText, parseOwner, randomName, thisOwner } from "./owner.js";
import { encodeFrame, packHeader, packHeaderLength, saltOfPack } from "./pack-format.js";

/** `TIME-OWNER-RANDOM.pack`. */
export const packName = /^[0-9a-z]+-([0-9a-f]{8}\.\d+\.\d+)-[0-9a-f]+\.pack$/;

export class PackWriter {
  readonly name: string;
  readonly path: string;
  readonly #fd: number;
  readonly #salt: number;
  #isNameSynced = false;
  #isClosed = false;
  end = packHeaderLength;

  /** @param suffix behind the name of a pack that is not to be found yet. */
  constructor(folder: string, suffix = "") {
    this.name = `${Date.now().toString(36)}-${ownerText(thisOwner)}-${randomName()}.pack`;
    this.path = join(folder, this.name + suffix);
    this.#fd = openSync(this.path, "ax", 0o644);
    const header = packHeader();
    this.#salt = saltOfPack(header);
    try {
      this.#write(header, 0);
    } catch (error) {
      this.close();
      unlinkSync(this.path);
      throw error;
    }
  }

  /** Whether it is still in its folder, where others find it. */
  get isListed(): boolean {
    return fstatSync(this.#fd).nlink > 0;
  }

  /** Adds a frame; gives its place. Throws where it could not be written whole. */
  append(type: number, name: string, content: Uint8Array): { readonly offset: number; readonly length: number } {
    const frame = encodeFrame(this.#salt, type, name, content);
    const offset = this.end;
    this.#write(frame, offset);
    this.end = offset + frame.length;
    return { offset, length: frame.length };
  }

  /** Has what was added outlive the machine's power. */
  sync(): void {
    fdatasyncSync(this.#fd);
    if (this.#isNameSynced) return;
    const folder = openSync(dirname(this.path), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    this.#isNameSynced = true;
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  #write(bytes: Buffer, end: number): void {
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
    } catch (error) {
      // What was written of it goes: cutting off needs no room.
      ftruncateSync(this.#fd, end);
      throw error;
    }
  }
}

/** A pack of a machine that cannot be asked is left alone for so long after its last change. */
const idleMs = 3_600_000;

/** Whether nobody writes a pack any more. */
export function hasEnded({ name, path }: { readonly name: string; readonly path: string }): boolean {
  const owner = parseOwner(packName.exec(name)?.[1] ?? "");
  if (owner === undefined || owner.pid === 0) return true;
  // One that this process has filled. Another cache of this process notices that its pack is gone.
  if (ownerText(owner) === ownerText(thisOwner)) return true;
  const running = isOwnerRunning(owner);
  if (running !== undefined) return !running;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > idleMs;
}

/** A name whose owner is nobody, so that it can be merged again at once. */
export function mergedName(): string {
  return `${Date.now().toString(36)}-00000000.0.0-${randomName()}.pack`;
}
