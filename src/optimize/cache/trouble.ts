/** What goes wrong in tiers: counted, and told once for each kind by a warning of the process. */
import type { CacheTrouble } from "../../port/cache-store.js";

export class TroubleLog implements CacheTrouble {
  readonly #counts = new Map<string, number>();

  report(tier: string, kind: string, message: string): void {
    const key = `${tier} ${kind}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    if (before > 0) return;
    process.emitWarning(`the ${tier} tier of the cache: ${words[kind] ?? kind}: ${message}; tasks run instead`, {
      type: "CacheWarning",
      code: `CACHE_${kind.toUpperCase()}`,
      detail: "This is told once; TaskCache.stats() counts the rest.",
    });
  }

  /** How often, by tier and kind: `{ "disk corrupt": 2 }`. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

const words: Readonly<Record<string, string>> = {
  corrupt: "something in it is damaged",
  write: "it could not be written",
  read: "it could not be read",
  format: "its format is newer",
  unavailable: "it is not available",
};
