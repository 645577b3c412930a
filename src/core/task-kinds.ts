/**
 * Numbers for kinds of task, so that whoever counts by kind looks up an array and not a text. The kind of a task is its
 * `name`, or its id up to the first `[`, `#` or `:`, so that `resize[17]` and `resize[18]` are of one kind.
 */
import { hashEnd, hashOf, hashStart, hashStep } from "./task-index.js";

/** Every kind beyond the first thousand. */
export const otherKind = 0;
export const otherKindName = "(other)";

const mostKinds = 1000;
const tableSize = 8192;

/** The kind of a task that has no name. */
export function kindOfId(id: string): string {
  const end = endOfKind(id);
  return end === id.length ? id : id.slice(0, end);
}

function endOfKind(id: string): number {
  for (let place = 0; place < id.length; place++)
    if (isMark(id.charCodeAt(place))) return place === 0 ? id.length : place;
  return id.length;
}

function isMark(character: number): boolean {
  return character > 0x3a ? character === 0x5b : character === 0x3a || character === 0x23;
}

/**
 * Kinds by their text. An own table with open addressing, because a `Map` would have every id of a million hashed and that
 * hash stored in it, to find that nearly all of them are of no kind that is counted.
 */
export class KindNumbers {
  readonly #names: string[] = [otherKindName];
  readonly #hashes = new Int32Array(tableSize);
  readonly #kinds = new Uint16Array(tableSize);
  lastOfId = otherKind;
  #lastName: string | undefined;
  #lastKind = otherKind;

  /** The number of a kind; gives it one where it has none and there is one left. */
  ofName(name: string): number {
    if (name !== this.#lastName) {
      let hash = hashStart;
      for (let place = 0; place < name.length; place++) hash = hashStep(hash, name.charCodeAt(place));
      this.#lastName = name;
      this.#lastKind = this.#find(name, name.length, hash);
    }
    return this.#lastKind;
  }

  /** The number of the kind of a task without a name. */
  ofId(id: string): number {
    this.readId(id);
    return this.lastOfId;
  }

  /** Puts the number of the kind of a task without a name into `lastOfId`, and gives the hash of its id: both are made on one way over the text. */
  readId(id: string): number {
    const last = id.length - 1;
    let hash = hashStart;
    for (let place = 0; place < last; place++) {
      const character = id.charCodeAt(place);
      if (isMark(character)) return this.#readMarked(id, place, hash);
      hash = hashStep(hash, character);
    }
    const character = id.charCodeAt(last);
    if (isMark(character)) return this.#readMarked(id, last, hash);
    this.lastOfId = this.#find(id, last + 1, hashStep(hash, character));
    return hashEnd(hash, character);
  }

  /** As `readId`, from the mark on. */
  #readMarked(id: string, mark: number, hashBefore: number): number {
    this.lastOfId = mark === 0 ? this.ofName(id) : this.#find(id, mark, hashBefore);
    const last = id.length - 1;
    let hash = hashBefore;
    for (let place = mark; place < last; place++) hash = hashStep(hash, id.charCodeAt(place));
    return hashEnd(hash, id.charCodeAt(last));
  }

  name(kind: number): string {
    return this.#names[kind]!;
  }

  /** The number of the kind that is the text up to `end`. */
  #find(text: string, end: number, hash: number): number {
    let slot = (hash ^ (hash >>> 15)) & (tableSize - 1);
    for (let kind = this.#kinds[slot]!; kind !== 0; kind = this.#kinds[slot]!) {
      if (this.#hashes[slot] === hash && this.#names[kind] === text.slice(0, end)) return kind;
      slot = (slot + 1) & (tableSize - 1);
    }
    if (this.#names.length > mostKinds) return otherKind;
    this.#hashes[slot] = hash;
    this.#kinds[slot] = this.#names.push(text.slice(0, end)) - 1;
    return this.#kinds[slot]!;
  }
}

/** Tasks whose kinds are read together. */
const tasksOfBlock = 1024;
const unknown = 0xffff;

/** What is asked of a task. */
interface Named {
  readonly id: string;
  readonly name?: string;
}

/**
 * The kinds of the tasks of a run. Those of the plan are read when the graph is compiled, which has their ids at hand, or
 * else by blocks when they are asked for: tasks end in another order than they lie in memory, and each look at an id then
 * would miss the processor's cache.
 */
export class TaskKinds {
  readonly numbers = new KindNumbers();
  readonly #kinds: Uint16Array;

  constructor(planCount: number) {
    this.#kinds = new Uint16Array(planCount).fill(unknown);
  }

  /** `tasks` are all of the run. */
  of(number: number, tasks: readonly Named[]): number {
    // Numbers of tasks that are added may be given to others later.
    if (number >= this.#kinds.length) return this.#look(tasks[number]!);
    if (this.#kinds[number] === unknown) this.#readBlock(number - (number % tasksOfBlock), tasks);
    return this.#kinds[number]!;
  }

  /** Reads the kind of a task of the plan, and gives the hash of its id. */
  read(number: number, { name, id }: Named): number {
    // A name that is no text is refused elsewhere.
    if (typeof name !== "string") {
      const hash = this.numbers.readId(id);
      this.#kinds[number] = this.numbers.lastOfId;
      return hash;
    }
    this.#kinds[number] = this.numbers.ofName(name);
    return hashOf(id);
  }

  #look({ name, id }: Named): number {
    return name === undefined ? this.numbers.ofId(id) : this.numbers.ofName(name);
  }

  #readBlock(first: number, tasks: readonly Named[]): void {
    const end = Math.min(first + tasksOfBlock, this.#kinds.length);
    for (let number = first; number < end; number++) this.#kinds[number] = this.#look(tasks[number]!);
  }
}
