/**
 * A priority queue over the integers 0 to capacity - 1, smallest first, for members that are known beforehand.
 *
 * One bit for each integer, and above it, 32 to 1, a bit for each word that is not zero, up to a single word: a van Emde
 * Boas tree flattened to fixed width. Adding, taking and removing touch one word on each level, which is four levels for
 * a million members, where a binary heap would make twenty comparisons at random places of memory.
 */
export class BitsetQueue {
  readonly #levels: readonly Uint32Array[];
  #size = 0;

  constructor(capacity: number) {
    const levels: Uint32Array[] = [];
    let bits = capacity;
    do {
      bits = (bits + 31) >>> 5;
      levels.push(new Uint32Array(Math.max(bits, 1)));
    } while (bits > 1);
    this.#levels = levels;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a member that is not in the queue. */
  add(member: number): void {
    this.#size++;
    let position = member;
    for (const level of this.#levels) {
      const word = position >>> 5;
      const before = level[word]!;
      level[word] = before | (1 << (position & 31));
      if (before !== 0) return;
      position = word;
    }
  }

  /** Removes a member that is in the queue. */
  remove(member: number): void {
    this.#size--;
    let position = member;
    for (const level of this.#levels) {
      const word = position >>> 5;
      const after = level[word]! & ~(1 << (position & 31));
      level[word] = after;
      if (after !== 0) return;
      position = word;
    }
  }

  /** The smallest member, or -1 where there is none. */
  first(): number {
    if (this.#size === 0) return -1;
    let position = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const bits = this.#levels[level]![position]!;
      position = (position << 5) | (31 - Math.clz32(bits & -bits));
    }
    return position;
  }
}
