/**
 * The durable tier: a folder that any number of processes of one machine share.
 *
 *     FOLDER/packs/     records; each process adds to a pack of its own and reads those of all
 *     FOLDER/marks/     what was declared invalid, likewise
 *     FOLDER/values/    large values, by content
 *     FOLDER/leases/    who computes what
 *
 * After Bitcask (Sheehy and Smith, 2010): where each record lies is kept in memory, a record is read by one positioned
 * read and checked by its checksum, and nothing is ever changed in place. So damage is a miss whatever was damaged (a map
 * of the file into memory, as LMDB reads, ends the process), a write that fails leaves nothing behind, and two processes
 * cannot be in each other's way. A later record of a key replaces an earlier one; later is when its execution began.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OrchestratorError } from "../../model/error.js";
import type {
  CacheLease,
  CacheRecord,
  CacheStore,
  CacheTierStats,
  CacheTrouble,
  InvalidationMark,
} from "../../port/cache-store.js";
import type { CacheClock } from "./cache-clock.js";
import { compactPacks } from "./compaction.js";
import { FileLeases } from "./file-lease.js";
import type { Invalidations } from "./invalidations.js";
import { listPacks, MarkLog } from "./mark-log.js";
import { BlockCache, Pack } from "./pack.js";
import { type Frame, frameType } from "./pack-format.js";
import { PackWriter } from "./pack-writer.js";
import { type Place, PlaceIndex } from "./place-index.js";
import { decodeRecord, encodeRecord, startOfRecord } from "./record-codec.js";
import { ValueFiles } from "./value-files.js";

export interface DiskOptions {
  readonly folder: string;
  readonly maximumBytes: number;
  readonly invalidations: Invalidations;
  readonly clock: CacheClock;
  readonly trouble: CacheTrouble;
}

/** Values of more bytes have files of their own. */
const largeValue = 65_536;
/** What other processes did is looked for this often, besides where it must be known. */
const refreshMs = 100;
/** Packs of processes that have ended are merged when there are more. */
const manyPacks = 8;

export class DiskStore implements CacheStore {
  readonly tier = "disk";
  readonly local = true;
  readonly #options: DiskOptions;
  readonly #packFolder: string;
  readonly #marks: MarkLog;
  readonly #values: ValueFiles;
  readonly #leases: FileLeases;
  readonly #blocks = new BlockCache();
  readonly #packs = new Map<string, Pack>();
  readonly #places = new PlaceIndex();
  /** Packs that were told of as of no use. */
  readonly #unreadable = new Set<string>();
  #writer: PackWriter | undefined;
  #refreshedAt = 0;
  #closed = false;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#packFolder = join(options.folder, "packs");
    this.#marks = new MarkLog({ ...options, folder: join(options.folder, "marks") });
    this.#values = new ValueFiles(join(options.folder, "values"));
    this.#leases = new FileLeases(join(options.folder, "leases"));
    this.refresh(true);
    if (this.#packs.size > manyPacks || this.#marks.isLong) this.compact();
  }

  /** Whether what others declared invalid cannot be known, so that nothing that is known here may be given. */
  get blind(): boolean {
    return this.#marks.blind;
  }

  get(key: string): CacheRecord | undefined {
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const record = this.#read(place, key);
    // What cannot be read for want of memory or descriptors is there again later.
    if (record === "unreadable") return undefined;
    if (record === undefined) this.#places.delete(key);
    return record;
  }

  set(key: string, record: CacheRecord): void {
    this.#guard("write", () => {
      const { type, content, file } = this.#contentOf(record);
      this.#append(type, key, content, (place) => {
        this.#places.set(key, { ...place, startedAt: record.startedAt, file });
      });
    });
  }

  /** Where it cannot be written down, on a full disk, everything goes: removing needs no room. */
  invalidate(mark: InvalidationMark): void {
    try {
      this.#marks.append(mark);
    } catch (cause) {
      this.#options.trouble.report(this.tier, "write", (cause as Error).message);
      this.#removeEverything();
    }
  }

  #removeEverything(): void {
    try {
      for (const name of listPacks(this.#packFolder)) rmSync(join(this.#packFolder, name), { force: true });
      this.#lookAtPacks();
    } catch (cause) {
      const message = `the cache in ${this.#options.folder} can neither be written nor emptied, so that other processes may still give what was declared invalid: ${(cause as Error).message}`;
      throw new OrchestratorError("NOT_INVALIDATED", message, { cause });
    }
  }

  refresh(force: boolean): void {
    const now = performance.now();
    if (this.#closed || (!force && now - this.#refreshedAt < refreshMs)) return;
    this.#refreshedAt = now;
    this.#guard("read", () => this.#lookAtPacks());
    // After the packs, so that of what was found in them it is known what has been declared invalid.
    this.#guard("read", () => this.#marks.look());
  }

  lease(key: string): CacheLease | undefined {
    return this.#leases.take(key);
  }

  stats(): CacheTierStats {
    return { tier: this.tier, entries: this.#places.size, bytes: this.#packBytes() };
  }

  /** Merges the packs of processes that have ended into one, of what still counts and fits. */
  compact(): void {
    this.#guard("write", () => {
      const lease = this.#leases.take("compaction");
      if (lease === undefined) return;
      try {
        this.#lookAtPacks();
        this.#marks.merge();
        compactPacks({
          folder: this.#packFolder,
          maximumBytes: this.#options.maximumBytes,
          packs: [...this.#packs.values()],
          own: this.#writer?.name,
          places: this.#places,
          invalidations: this.#options.invalidations,
          values: this.#values,
        });
        this.#lookAtPacks();
      } finally {
        void lease.release();
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#writer?.close();
    this.#marks.close();
    for (const pack of this.#packs.values()) pack.close();
    this.#places.clear();
  }

  #read(place: Place, key: string): CacheRecord | "unreadable" | undefined {
    try {
      const frame = place.pack.read(place.offset, place.length, key);
      if (frame === undefined) return this.#corrupt(`a record in ${place.pack.path}`);
      if (frame.type === frameType.entry) return decodeRecord(frame.bytes, frame.start, frame.end);
      const record = decodeRecord(frame.bytes, frame.start + 32, frame.end);
      const digest = frame.bytes.subarray(frame.start, frame.start + 32);
      const bytes = this.#values.read(digest);
      if (bytes !== "damaged") return bytes && record && { ...record, bytes };
      this.#values.remove(digest);
      return this.#corrupt("the file of a large value");
    } catch (error) {
      this.#options.trouble.report(this.tier, "read", (error as Error).message);
      return "unreadable";
    }
  }

  #corrupt(what: string): undefined {
    this.#options.trouble.report(this.tier, "corrupt", `${what} is damaged`);
    return undefined;
  }

  #contentOf(record: CacheRecord): { type: number; content: Buffer; file?: string } {
    if (record.bytes.length <= largeValue) return { type: frameType.entry, content: encodeRecord(record) };
    const digest = this.#values.write(record.bytes);
    const content = Buffer.concat([digest, encodeRecord({ ...record, bytes: new Uint8Array() })]);
    return { type: frameType.fileEntry, content, file: digest.toString("hex") };
  }

  #append(type: number, name: string, content: Buffer, placed: (place: Omit<Place, "startedAt">) => void): void {
    const writer = this.#openWriter();
    const { offset, length } = writer.append(type, name, content);
    let pack = this.#packs.get(writer.name);
    if (pack === undefined) {
      pack = new Pack(writer.name, writer.path, this.#blocks);
      this.#packs.set(writer.name, pack);
    }
    pack.wrote(writer.end);
    placed({ pack, offset, length });
  }

  /** The own pack: a new one where it is full, or where somebody has removed it. */
  #openWriter(): PackWriter {
    const full = this.#writer !== undefined && this.#writer.end > Math.max(2 ** 20, this.#options.maximumBytes / 8);
    if (full) {
      this.#dropWriter();
      this.compact();
    }
    if (this.#writer === undefined) {
      mkdirSync(this.#packFolder, { recursive: true });
      this.#writer = new PackWriter(this.#packFolder);
    }
    return this.#writer;
  }

  #dropWriter(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  /** Reads what has been added to the packs, and lets go of those that are gone. */
  #lookAtPacks(): void {
    const listed = new Set(listPacks(this.#packFolder));
    for (const name of listed) if (!this.#packs.has(name) && !this.#unreadable.has(name)) this.#openPack(name);
    if (this.#writer !== undefined && !listed.has(this.#writer.name)) this.#dropWriter();
    for (const pack of this.#packs.values()) this.#scan(pack);
    for (const pack of [...this.#packs.values()]) if (!listed.has(pack.name)) this.#letGo(pack);
  }

  #openPack(name: string): void {
    const path = join(this.#packFolder, name);
    try {
      const pack = new Pack(name, path, this.#blocks);
      const { state } = pack;
      if (state === "good" || state === undefined) {
        this.#packs.set(name, pack);
        return;
      }
      pack.close();
      this.#unreadable.add(name);
      if (state === "newer")
        this.#options.trouble.report(this.tier, "format", `${path} was written by a newer version and is not read`);
      else this.#corrupt(path);
    } catch (error) {
      // Another process may have merged it just now.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      this.#options.trouble.report(this.tier, "read", (error as Error).message);
    }
  }

  #scan(pack: Pack): void {
    const damaged = pack.scan((frame, offset, length) => this.#found(frame, { pack, offset, length }));
    if (damaged > 0) this.#corrupt(`${pack.path} (${damaged} bytes)`);
  }

  #found({ type, name, bytes, start, end }: Frame, place: Omit<Place, "startedAt">): void {
    const startedAt = startOfRecord(bytes, type === frameType.fileEntry ? start + 32 : start, end);
    if (startedAt === undefined) return;
    this.#options.clock.saw(startedAt);
    const known = this.#places.get(name);
    if (known !== undefined && known.startedAt > startedAt) return;
    const file = type === frameType.fileEntry ? bytes.toString("hex", start, start + 32) : undefined;
    this.#places.set(name, { ...place, startedAt, file });
  }

  #letGo(pack: Pack): void {
    this.#packs.delete(pack.name);
    this.#places.deletePack(pack);
    pack.close();
  }

  #packBytes(): number {
    let bytes = 0;
    for (const pack of this.#packs.values()) bytes += pack.size;
    return bytes;
  }

  #guard(kind: "read" | "write", action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.trouble.report(this.tier, kind, (error as Error).message);
    }
  }
}
