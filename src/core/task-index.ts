/**
 * Task numbers by id. An open-addressing hash table (linear probing, at most half full) whose places hold a number and
 * the hash beside it in one typed array: a look-up touches one place of the table and one string, and the collector has
 * nothing to follow. A `Map` of a million ids took three times as long to build and to ask, and 80 MB more.
 */
export class TaskIndex implements Iterable<readonly [string, number]> {
  readonly #ids: string[] = [];
  /** Pairs: number + 1 (0 for none), hash. */
  #places: Int32Array;
  #mask: number;

  constructor(expected = 0) {
    let capacity = 16;
    while (capacity < expected * 2) capacity *= 2;
    this.#places = new Int32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Gives the id the next number. Gives the number that it had instead, if it had one, and -1 otherwise. */
  add(id: string): number {
    if (this.#ids.length * 2 > this.#mask) this.#grow();
    const hash = hashOf(id);
    const place = this.#find(id, hash);
    const known = this.#places[place]!;
    if (known !== 0) return known - 1;
    this.#places[place] = this.#ids.push(id);
    this.#places[place + 1] = hash;
    return -1;
  }

  get(id: string): number | undefined {
    const number = this.numberOf(id);
    return number < 0 ? undefined : number;
  }

  /** The number of an id, or -1. */
  numberOf(id: string): number {
    return typeof id === "string" ? this.#places[this.#find(id, hashOf(id))]! - 1 : -1;
  }

  has(id: string): boolean {
    return this.numberOf(id) >= 0;
  }

  keys(): ArrayIterator<string> {
    return this.#ids.values();
  }

  *[Symbol.iterator](): Generator<readonly [string, number], undefined> {
    for (let number = 0; number < this.#ids.length; number++) yield [this.#ids[number]!, number];
  }

  /** Index into `#places` of the id, or of the free place where it belongs. */
  #find(id: string, hash: number): number {
    const places = this.#places;
    let place = hash & this.#mask;
    for (;;) {
      const number = places[2 * place]!;
      if (number === 0 || (places[2 * place + 1] === hash && this.#ids[number - 1] === id)) return 2 * place;
      place = (place + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Int32Array(old.length * 2);
    this.#mask = this.#places.length / 2 - 1;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === 0) continue;
      let place = old[from + 1]! & this.#mask;
      while (this.#places[2 * place] !== 0) place = (place + 1) & this.#mask;
      this.#places[2 * place] = old[from]!;
      this.#places[2 * place + 1] = old[from + 1]!;
    }
  }
}

/** FNV-1a over the code units, with the finaliser of MurmurHash3 (Appleby), so that ids that differ at the end spread. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
