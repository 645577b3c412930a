/** Those who wait, in order: by priority, higher first, and then as they came. Leaving is cheap from anywhere in the line. */

export interface Waiting {
  readonly priority: number;
}

export class WaitLine<Entry extends Waiting> {
  /** One lane for each priority in use, highest first; a `Set` keeps the order of coming. */
  readonly #lanes: { readonly priority: number; readonly entries: Set<Entry> }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    this.#laneOf(entry.priority).add(entry);
    this.#size++;
  }

  /** Puts an entry that was taken back to the front of its lane. */
  addFirst(entry: Entry): void {
    const lane = this.#laneOf(entry.priority);
    const others = [...lane];
    lane.clear();
    for (const each of [entry, ...others]) lane.add(each);
    this.#size++;
  }

  /** Whether the entry was in the line. */
  delete(entry: Entry): boolean {
    const place = this.#lanes.findIndex(({ priority }) => priority === entry.priority);
    if (place < 0 || !this.#lanes[place]!.entries.delete(entry)) return false;
    if (this.#lanes[place]!.entries.size === 0) this.#lanes.splice(place, 1);
    this.#size--;
    return true;
  }

  first(): Entry | undefined {
    for (const { entries } of this.#lanes) for (const entry of entries) return entry;
    return undefined;
  }

  /** Takes up to `count` entries from the front. */
  take(count: number): Entry[] {
    const taken: Entry[] = [];
    while (taken.length < count) {
      const entry = this.first();
      if (entry === undefined) break;
      this.delete(entry);
      taken.push(entry);
    }
    return taken;
  }

  /** The one of each priority that has waited longest. */
  *heads(): Generator<Entry, undefined, undefined> {
    for (const { entries } of this.#lanes) {
      for (const entry of entries) {
        yield entry;
        break;
      }
    }
  }

  *[Symbol.iterator](): Generator<Entry, undefined, undefined> {
    for (const { entries } of this.#lanes) yield* entries;
  }

  #laneOf(priority: number): Set<Entry> {
    let place = 0;
    while (place < this.#lanes.length && this.#lanes[place]!.priority > priority) place++;
    const lane = this.#lanes[place];
    if (lane?.priority === priority) return lane.entries;
    const entries = new Set<Entry>();
    this.#lanes.splice(place, 0, { priority, entries });
    return entries;
  }
}
