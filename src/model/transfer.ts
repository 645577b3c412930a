/**
 * Moves buffers instead of copying them when a value crosses from one thread to another.
 *
 * The mark lies beside the value and not around it, so the value is what it was: in a runner that shares no memory
 * with its caller, or calls the function directly, the mark has no effect.
 */

/** What a value can give away: an `ArrayBuffer`, a `MessagePort`, a `FileHandle`, a web stream. Named by no type of Node's, which the model does not know. */
export type TransferItem = object;

// One table for the whole realm, whichever copy of this package a task's module has loaded.
const table = Symbol.for("orchestrator-executor.transfer");

interface WithTable {
  [table]?: WeakMap<object, readonly TransferItem[]>;
}

/**
 * Marks a task's output so that these buffers are moved to the caller, not copied. They are empty here afterwards.
 *
 * @example
 * // in blur.ts
 * export function blur({ pixels }: { pixels: Uint8Array<ArrayBuffer> }) {
 *   const out = pixels.map((pixel) => pixel >> 1);
 *   return transfer(out, [out.buffer]);
 * }
 *
 * // in the program
 * import type { blur } from "./blur.js";
 * await using pool = new WorkerPool({ maxWorkers: 1 });
 * const work = worker<typeof blur>(new URL("./blur.js", import.meta.url), "blur");
 * console.log((await pool.run(work, { pixels: new Uint8Array([8, 4]) }))[0]); // prints 4
 *
 * @param value an object that holds the buffers, or one of them.
 * @returns `value` itself.
 * @throws TypeError where the value is a primitive.
 */
export function transfer<T extends object>(value: T, items: readonly TransferItem[]): T {
  const realm = globalThis as WithTable;
  realm[table] ??= new WeakMap();
  realm[table].set(value, items);
  return value;
}

/** What `transfer` has marked for this value. */
export function transferListOf(value: unknown): readonly TransferItem[] | undefined {
  const marked = (globalThis as WithTable)[table];
  return marked === undefined || typeof value !== "object" || value === null ? undefined : marked.get(value);
}
