/**
 * The ready tasks of one demand class, best first. Tasks that were in the graph from the start have a fixed rank in their
 * class and lie in a bitset; tasks that were added later lie in a heap that asks `before`; tasks that want to run on
 * after a wait come ahead of both, first come first served.
 */
import { BitsetQueue } from "./bitset-queue.js";

/** Whether one task starts before another. */
export type Before = (left: number, right: number) => boolean;

export class ReadyQueue {
  /** Tasks of the class by rank. */
  readonly #members: Int32Array;
  readonly #ranks: Int32Array;
  readonly #planCount: number;
  readonly #ranked: BitsetQueue;
  readonly #added: number[] = [];
  readonly #resuming: number[] = [];
  readonly #before: Before;

  /** `ranks[task]` is the place of a task of the plan among `members`; tasks from `planCount` on were added later. */
  constructor(members: Int32Array, ranks: Int32Array, planCount: number, before: Before) {
    this.#members = members;
    this.#ranks = ranks;
    this.#planCount = planCount;
    this.#ranked = new BitsetQueue(members.length);
    this.#before = before;
  }

  get size(): number {
    return this.#ranked.size + this.#added.length + this.#resuming.length;
  }

  push(task: number): void {
    if (task < this.#planCount) this.#ranked.add(this.#ranks[task]!);
    else this.#pushAdded(task);
  }

  pushResuming(task: number): void {
    this.#resuming.push(task);
  }

  /** The best task, or -1. */
  peek(): number {
    if (this.#resuming.length > 0) return this.#resuming[0]!;
    const rank = this.#ranked.first();
    if (rank < 0) return this.#added.length > 0 ? this.#added[0]! : -1;
    const task = this.#members[rank]!;
    return this.#added.length > 0 && this.#before(this.#added[0]!, task) ? this.#added[0]! : task;
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
    else this.#removeAdded(task);
  }

  #pushAdded(task: number): void {
    this.#added.push(task);
    this.#raise(this.#added.length - 1, task);
  }

  #removeAdded(task: number): void {
    const position = this.#added[0] === task ? 0 : this.#added.indexOf(task);
    if (position < 0) return;
    const last = this.#added.pop()!;
    if (last === task) return;
    if (position > 0 && this.#before(last, this.#added[(position - 1) >> 1]!)) this.#raise(position, last);
    else this.#lower(position, last);
  }

  #raise(from: number, task: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!this.#before(task, this.#added[parent]!)) break;
      this.#added[position] = this.#added[parent]!;
      position = parent;
    }
    this.#added[position] = task;
  }

  #lower(from: number, task: number): void {
    let position = from;
    const size = this.#added.length;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#added[child + 1]!, this.#added[child]!)) child++;
      if (!this.#before(this.#added[child]!, task)) break;
      this.#added[position] = this.#added[child]!;
      position = child;
    }
    this.#added[position] = task;
  }
}
