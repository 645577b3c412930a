/** The containers of the core: two heaps, one of anything and one of deadlines by task, and the list of effects. */
import type { SchedulerEffect } from "./effect.js";

/** Items of which the best is always at hand: a binary heap that asks `before` which of two that is. */
export class BinaryHeap<Item> {
  readonly #items: Item[] = [];
  readonly #before: (left: Item, right: Item) => boolean;

  constructor(before: (left: Item, right: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The best item, which stays. */
  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#raise(this.#items.length - 1, item);
  }

  /** Removes the best item. */
  pop(): Item | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (this.#items.length > 0) this.#lower(0, last!);
    return first;
  }

  /** Removes an item wherever it is: at once at the top, else by a search. Whether it was there. */
  delete(item: Item): boolean {
    const position = this.#items[0] === item ? 0 : this.#items.indexOf(item);
    if (position < 0) return false;
    const last = this.#items.pop()!;
    if (position === this.#items.length) return true;
    if (position > 0 && this.#before(last, this.#items[(position - 1) >> 1]!)) this.#raise(position, last);
    else this.#lower(position, last);
    return true;
  }

  #raise(from: number, item: Item): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!this.#before(item, this.#items[parent]!)) break;
      this.#items[position] = this.#items[parent]!;
      position = parent;
    }
    this.#items[position] = item;
  }

  #lower(from: number, item: Item): void {
    let position = from;
    const size = this.#items.length;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#items[child + 1]!, this.#items[child]!)) child++;
      if (!this.#before(this.#items[child]!, item)) break;
      this.#items[position] = this.#items[child]!;
      position = child;
    }
    this.#items[position] = item;
  }
}

/**
 * At most one deadline for each task, the earliest first: an indexed binary heap, so that the deadline of an attempt that
 * ended is really removed and the heap never holds more than what runs or waits for a retry.
 */
export class TimerHeap {
  readonly #tasks: number[] = [];
  readonly #times: number[] = [];
  readonly #positions = new Map<number, number>();

  get size(): number {
    return this.#tasks.length;
  }

  /** When the first deadline is, or Infinity where there is none. */
  firstTime(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }

  /** The task of the first deadline. */
  firstTask(): number {
    return this.#tasks.length === 0 ? -1 : this.#tasks[0]!;
  }

  /** Sets the task's deadline, in place of one that it has. */
  set(task: number, time: number): void {
    const position = this.#positions.get(task);
    if (position === undefined) {
      this.#tasks.push(task);
      this.#times.push(time);
      this.#raise(this.#tasks.length - 1, task, time);
    } else if (time < this.#times[position]!) this.#raise(position, task, time);
    else this.#lower(position, task, time);
  }

  /** Removes the task's deadline, if it has one. */
  delete(task: number): void {
    const position = this.#positions.get(task);
    if (position === undefined) return;
    this.#positions.delete(task);
    const lastTask = this.#tasks.pop()!;
    const lastTime = this.#times.pop()!;
    if (lastTask === task) return;
    if (position > 0 && lastTime < this.#times[(position - 1) >> 1]!) this.#raise(position, lastTask, lastTime);
    else this.#lower(position, lastTask, lastTime);
  }

  #raise(from: number, task: number, time: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#place(position, this.#tasks[parent]!, this.#times[parent]!);
      position = parent;
    }
    this.#place(position, task, time);
  }

  #lower(from: number, task: number, time: number): void {
    let position = from;
    const size = this.#tasks.length;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#place(position, this.#tasks[child]!, this.#times[child]!);
      position = child;
    }
    this.#place(position, task, time);
  }

  #place(position: number, task: number, time: number): void {
    this.#tasks[position] = task;
    this.#times[position] = time;
    this.#positions.set(task, position);
  }
}

/**
 * Effects to carry out, and the successes that are told as bare numbers, which are to be taken first. Cleared by forgetting
 * sizes, because an array that is cut to 0 gives its store back each time.
 */
export class EffectList {
  readonly #effects: SchedulerEffect[] = [];
  #size = 0;
  readonly #successes: number[] = [];
  #successCount = 0;

  get successCount(): number {
    return this.#successCount;
  }

  pushSuccess(task: number): void {
    this.#successes[this.#successCount++] = task;
  }

  successAt(index: number): number {
    return this.#successes[index]!;
  }

  clearSuccesses(): void {
    this.#successCount = 0;
  }

  get size(): number {
    return this.#size;
  }

  push(effect: SchedulerEffect): void {
    this.#effects[this.#size++] = effect;
  }

  at(index: number): SchedulerEffect {
    return this.#effects[index]!;
  }

  clear(): void {
    this.#size = 0;
  }

  /** A copy that may be kept. */
  toArray(): SchedulerEffect[] {
    return this.#effects.slice(0, this.#size);
  }
}
