/** The tier in this process: encoded values, so that nobody can change what another is given, bounded by their bytes. */
import { LRUCache } from "lru-cache";
import type { CacheRecord, CacheStore, CacheTierStats } from "../../port/cache-store.js";

/** What an entry takes besides its value and its key, about. */
const overheadBytes = 250;

export class MemoryStore implements CacheStore {
  readonly tier = "memory";
  readonly local = true;
  readonly #entries: LRUCache<string, CacheRecord>;

  constructor(maximumBytes: number) {
    this.#entries = new LRUCache({
      maxSize: maximumBytes,
      sizeCalculation: ({ bytes }, key) => bytes.length + 2 * key.length + overheadBytes,
    });
  }

  get(key: string): CacheRecord | undefined {
    return this.#entries.get(key);
  }

  set(key: string, record: CacheRecord): void {
    // A view would keep all of the memory that it is a view of.
    const { bytes } = record;
    const owned = bytes.byteLength === bytes.buffer.byteLength ? record : { ...record, bytes: bytes.slice() };
    this.#entries.set(key, owned);
  }

  invalidate(): void {
    // Marks are compared with records when they are asked for.
  }

  refresh(): void {
    // Nobody else writes here.
  }

  stats(): CacheTierStats {
    return { tier: this.tier, entries: this.#entries.size, bytes: this.#entries.calculatedSize };
  }

  close(): void {
    this.#entries.clear();
  }
}
