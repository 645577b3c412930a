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
