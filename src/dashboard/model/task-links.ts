/**
 * Which tasks depend on which, as numbers in two flat lists: what each depends on, in the order in which that was told,
 * and, when somebody asks for it, the same the other way round. An array for each of 100,000 tasks would be half of what
 * the server keeps of a run.
 */
const none = new Int32Array(0);

export class TaskLinks {
  #from = new Int32Array(64);
  #count = new Int32Array(64);
  #listed = new Int32Array(256);
  #length = 0;
  #reversed: { readonly offsets: Int32Array; readonly listed: Int32Array } | undefined;

  /** What a task depends on. To be read at once: the list moves when it grows. */
  dependencies(task: number): Int32Array {
    const from = this.#from[task];
    return from === undefined ? none : this.#listed.subarray(from, from + this.#count[task]!);
  }

  setDependencies(task: number, dependencies: ArrayLike<number>): void {
    this.#from = roomFor(this.#from, task + 1);
    this.#count = roomFor(this.#count, task + 1);
    this.#listed = roomFor(this.#listed, this.#length + dependencies.length);
    this.#from[task] = this.#length;
    this.#count[task] = dependencies.length;
    for (let place = 0; place < dependencies.length; place++) this.#listed[this.#length++] = dependencies[place]!;
    this.#reversed = undefined;
  }

  /** Tasks that depend on this one, of those below `size`. Found when first asked for, and again after tasks were added. */
  dependents(task: number, size: number): Int32Array {
    if (this.#reversed === undefined || this.#reversed.offsets.length !== size + 1)
      this.#reversed = this.#reverse(size);
    const { offsets, listed } = this.#reversed;
    return listed.subarray(offsets[task]!, offsets[task + 1]!);
  }

  #reverse(size: number): { offsets: Int32Array; listed: Int32Array } {
    const offsets = new Int32Array(size + 1);
    for (let task = 0; task < size; task++)
      for (const before of this.dependencies(task)) offsets[before + 1] = offsets[before + 1]! + 1;
    for (let task = 0; task < size; task++) offsets[task + 1] = offsets[task + 1]! + offsets[task]!;
    const next = offsets.slice();
    const listed = new Int32Array(offsets[size]!);
    for (let task = 0; task < size; task++)
      for (const before of this.dependencies(task)) {
        listed[next[before]!] = task;
        next[before] = next[before]! + 1;
      }
    return { offsets, listed };
  }
}

function roomFor(column: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  if (size <= column.length) return column;
  const grown = new Int32Array(Math.max(size, column.length * 2));
  grown.set(column);
  return grown;
}
