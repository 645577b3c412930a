/** The affinity keys that a worker served last: what it holds in its memory is likely to be theirs. */
const mostKeys = 64;

export class WarmKeys {
  readonly #keys = new Set<string>();

  has(key: string | undefined): boolean {
    return key !== undefined && this.#keys.has(key);
  }

  add(key: string | undefined): void {
    if (key === undefined) return;
    // The last to be added is the last to be forgotten.
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > mostKeys) for (const oldest of this.#keys) return void this.#keys.delete(oldest);
  }
}
