/**
 * The ready tasks of one demand class, best first. Tasks that were in the graph from the start have a fixed rank in their
 * class and lie in a bitset; tasks that were added later lie in a heap that asks `before`; tasks that want to run on
 * after a wait come ahead of both, first come first served.
 */
import { BinaryHeap } from "./containers.js";

/** Whether one task starts before another. */
export type Before = (left: number, right: number) => boolean;

export class ReadyQueue {
  /** Tasks of the class by rank. */
  readonly #members: Int32Array;
  readonly #ranks: Int32Array;
  readonly #planCount: number;
  readonly #ranked: BitsetQueue;
  readonly #added: BinaryHeap<number>;
  readonly #resuming: number[] = [];
  readonly #before: Before;

  /** `ranks[task]` is the place of a task of the plan among `members`; tasks from `planCount` on were added later. */
  constructor(members: Int32Array, ranks: Int32Array, planCount: number, before: Before) {
    this.#members = members;
    this.#ranks = ranks;
    this.#planCount = planCount;
    this.#ranked = new BitsetQueue(members.length);
    this.#before = before;
    this.#added = new BinaryHeap(before);
  }

  get size(): number {
    return this.#ranked.size + this.#added.size + this.#resuming.length;
  }

  /** Tasks that want to run on. */
  get resuming(): number {
    return this.#resuming.length;
  }

  push(task: number): void {
    if (task < this.#planCount) this.#ranked.add(this.#ranks[task]!);
    else this.#added.push(task);
  }

  pushResuming(task: number): void {
    this.#resuming.push(task);
  }

  /** The best task, or -1. */
  peek(): number {
    if (this.#resuming.length > 0) return this.#resuming[0]!;
    const rank = this.#ranked.first();
    const added = this.#added.peek();
    if (rank < 0) return added ?? -1;
    const task = this.#members[rank]!;
    return added !== undefined && this.#before(added, task) ? added : task;
  }

  /** Removes the task wherever it is. */
  remove(task: number): void {
    if (this.#resuming.length > 0) {
      const position = this.#resuming.indexOf(task);
      if (position >= 0) {
        this.#resuming.splice(position, 1);
        return;
      }
    }
    if (task < this.#planCount) this.#ranked.remove(this.#ranks[task]!);
    else this.#added.delete(task);
  }
}

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
