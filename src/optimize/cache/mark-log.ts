/**
 * The invalidations of a folder, in files of their own in the format of packs: each process adds to its own and reads all.
 *
 * A value that cannot be read is a miss. An invalidation that cannot be read would be a wrong answer: so whatever of these
 * files is damaged, cut off, of a newer format or of no format at all counts as an invalidation of everything before the file's
 * last change; and while they cannot be looked at, the folder gives nothing (`blind`).
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isPassingFault } from "../../host/passing-fault.js";
import type { CacheTrouble, InvalidationMark } from "../../port/cache-store.js";
import type { CacheClock } from "./cache-clock.js";
import type { Invalidations } from "./invalidations.js";
import { BlockCache, Pack } from "./pack.js";
import { type Frame, frameType } from "./pack-format.js";
import { hasEnded, mergedName, PackWriter, packName } from "./pack-writer.js";

export interface MarkLogOptions {
  readonly folder: string;
  readonly invalidations: Invalidations;
  readonly clock: CacheClock;
  readonly trouble: CacheTrouble;
}

/** Files of processes that have ended are merged when there are more. */
const manyFiles = 8;
const mostTries = 3;
/** A file's last change is stamped with the time of the kernel's last tick, and a tick takes so long at most. */
const tickMs = 10;

export class MarkLog {
  readonly #options: MarkLogOptions;
  readonly #blocks = new BlockCache();
  readonly #files = new Map<string, Pack>();
  /** Files that are of no use, and when they were changed last. */
  readonly #unreadable = new Map<string, number>();
  #writer: PackWriter | undefined;
  /** Whether others may have declared invalid what is not known here. */
  blind = false;

  constructor(options: MarkLogOptions) {
    this.#options = options;
  }

  /** Whether it is worth merging. */
  get isLong(): boolean {
    return this.#files.size > manyFiles;
  }

  /** Takes notice of what others have added. Throws where it cannot, and is blind then. */
  look(): void {
    this.blind = true;
    for (let tries = 0; tries < mostTries && !this.#lookOnce(); tries++);
    this.blind = false;
  }

  /** False where a file went while it was looked for: merged just now, into one that was not listed yet. */
  #lookOnce(): boolean {
    let isComplete = true;
    const listed = new Set(listPacks(this.#options.folder));
    for (const name of listed) {
      if (this.#unreadable.has(name)) this.#distrustAgain(name);
      else if (!this.#files.has(name)) isComplete = this.#open(name) && isComplete;
    }
    if (this.#writer !== undefined && !listed.has(this.#writer.name)) this.#dropWriter();
    for (const file of [...this.#files.values()]) {
      this.#scan(file);
      if (listed.has(file.name)) continue;
      this.#files.delete(file.name);
      file.close();
    }
    return isComplete;
  }

  /** Makes a mark known, on the disk when this returns. Throws where it cannot be written. */
  append(mark: InvalidationMark): void {
    if (this.#writer?.isListed === false) this.#dropWriter();
    if (this.#writer === undefined) {
      mkdirSync(this.#options.folder, { recursive: true });
      this.#writer = new PackWriter(this.#options.folder);
    }
    appendMark(this.#writer, mark);
    this.#writer.sync();
  }

  /** Makes one file of those whose writers have ended. */
  merge(): void {
    this.look();
    const ended = [...this.#files.values()].filter((file) => file.name !== this.#writer?.name && hasEnded(file));
    if (ended.length < 2) return;
    const { folder, invalidations } = this.#options;
    const draft = new PackWriter(folder, ".part");
    try {
      for (const mark of invalidations.marks()) appendMark(draft, mark);
      draft.sync();
      draft.close();
      renameSync(draft.path, join(folder, mergedName()));
    } catch (error) {
      draft.close();
      rmSync(draft.path, { force: true });
      throw error;
    }
    for (const { path } of ended) unlinkSync(path);
    this.look();
  }

  close(): void {
    this.#dropWriter();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #dropWriter(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  /** Whether it was there. */
  #open(name: string): boolean {
    const path = join(this.#options.folder, name);
    let file: Pack;
    try {
      file = new Pack(name, path, this.#blocks);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return false;
      if (isPassingFault(error)) throw error;
      this.#refuse(name, "read", (error as Error).message);
      return true;
    }
    const { state } = file;
    if (state === "good" || (state === undefined && !hasEnded(file))) {
      this.#files.set(name, file);
      return true;
    }
    file.close();
    if (state === "newer") this.#refuse(name, "format", `${path} was written by a newer version`);
    else this.#refuse(name, "corrupt", `${path} is damaged`);
    return true;
  }

  #scan(file: Pack): void {
    const damaged = file.scan((frame) => this.#found(frame));
    if (damaged > 0) this.#distrust(file.path, "corrupt", `${file.path} is damaged (${damaged} bytes)`);
    else if (!file.isWhole && hasEnded(file)) {
      file.takeAsWhole();
      this.#distrust(file.path, "corrupt", `${file.path} is cut off`);
    }
  }

  #found({ type, name, bytes, start, end }: Frame): void {
    if (type !== frameType.mark || end - start !== 8) return;
    const colon = name.indexOf(":");
    const at = bytes.readDoubleLE(start);
    this.#options.clock.saw(at);
    this.#options.invalidations.add({
      scope: name.slice(0, colon) as InvalidationMark["scope"],
      name: name.slice(colon + 1),
      at,
    });
  }

  #refuse(name: string, kind: "corrupt" | "read" | "format", message: string): void {
    this.#unreadable.set(name, this.#distrust(join(this.#options.folder, name), kind, message));
  }

  /** A newer version may be adding to it. */
  #distrustAgain(name: string): void {
    const path = join(this.#options.folder, name);
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changedAt > this.#unreadable.get(name)!) this.#refuse(name, "format", `${path} was changed by another version`);
  }

  /** Takes what cannot be read for an invalidation of everything before its last change; gives when that is said to have been. */
  #distrust(path: string, kind: "corrupt" | "read" | "format", message: string): number {
    const { clock, invalidations, trouble } = this.#options;
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? clock.now();
    trouble.report("disk", kind, `${message}, and may have told of values that are no longer valid`);
    const at = changedAt + tickMs;
    // What is kept from now on counts.
    clock.saw(at);
    invalidations.add({ scope: "all", name: "", at });
    return changedAt;
  }
}

function appendMark(writer: PackWriter, { scope, name, at }: InvalidationMark): void {
  const content = Buffer.allocUnsafe(8);
  content.writeDoubleLE(at);
  writer.append(frameType.mark, `${scope}:${name}`, content);
}

/** Names of the packs in a folder. */
export function listPacks(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => packName.test(name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
