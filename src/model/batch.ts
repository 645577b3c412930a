/** Batches: many tasks of one kind that one call of a handler serves. */
import { Checker } from "./check.js";
import { InvalidOptionError } from "./error.js";
import type { Duration } from "./units.js";
import type { WorkTypes } from "./work.js";

/** What a handler is told of the call beside its items. */
export interface BatchContext {
  /** Key of the batch. */
  readonly key: string;
  /** Aborted when nobody wants any result of this call any more. */
  readonly signal: AbortSignal;
  /** Whether nobody wants the result of this item any more: its task was cancelled or timed out. */
  isCancelled(index: number): boolean;
}

/**
 * Serves many items in one call. Gives one entry for each item, in the order of the items: the item's value, or an
 * `Error` where that item failed; the entries of `Promise.allSettled` are taken as what they say. A throw fails every
 * item of the call, or has it bisected.
 */
export type BatchHandler<Item, Entry> = (
  items: readonly Item[],
  context: BatchContext,
) => readonly Entry[] | PromiseLike<readonly Entry[]>;

/** What an item gives for what a handler gives for it. */
export type ItemOutput<Entry> = Entry extends Error | PromiseRejectedResult
  ? never
  : Entry extends PromiseFulfilledResult<infer Value>
    ? Value
    : Entry;

/** How items are gathered. */
export interface BatchOptions {
  /** Most items of one call; from 1. Default: the executor's `batchSize`, or 10. */
  readonly batchSize?: number;
  /** An item waits no longer than this for others to come. `0` is the end of this turn of the event loop. Default 10 ms. */
  readonly maxWait?: Duration;
  /** Calls at once; from 1. Default: no limit but that of attempts. */
  readonly maxConcurrentBatches?: number;
  /**
   * Whether a call that throws is made again with each half of its items, and so on, until those that it throws for are
   * alone. Only for handlers that may be called again with the same items. Default `false`: all of them fail.
   */
  readonly bisect?: boolean;
}

/** Work that is done together with other tasks of its key. Made by `batch()`. */
export interface BatchWork<In = never, Out = unknown> extends WorkTypes<In, Out> {
  readonly kind: "batch";
  /** Key of the batch, for people and metrics. */
  readonly key: string;
  /** The function that is called with many items. */
  readonly handler: BatchHandler<never, unknown>;
  /** What was said of sizes and waits, checked. */
  readonly limits: BatchLimits;
}

/** `BatchOptions`, checked. */
export interface BatchLimits {
  /** `undefined` leaves it to the executor. */
  readonly batchSize: number | undefined;
  readonly maxWaitMs: number;
  readonly maxConcurrent: number;
  readonly bisect: boolean;
}

export const defaultBatchSize = 10;
const defaultMaxWaitMs = 10;
export const batchOptionNames = ["batchSize", "maxWait", "maxConcurrentBatches", "bisect"] as const;

/** Reads the options of a batch; what is wrong goes to `check`. */
export function readBatchLimits(check: Checker, options: BatchOptions): BatchLimits {
  const { batchSize, maxWait, maxConcurrentBatches, bisect } = options;
  return {
    batchSize: check.number("batchSize", batchSize, { minimum: 1, maximum: 1e6, integer: true }, undefined),
    maxWaitMs: check.durationMs("maxWait", maxWait, defaultMaxWaitMs),
    maxConcurrent: check.number(
      "maxConcurrentBatches",
      maxConcurrentBatches,
      { minimum: 1, maximum: 1e6, integer: true },
      Number.POSITIVE_INFINITY,
    ),
    bisect: check.boolean("bisect", bisect, false),
  };
}

/**
 * Work that tasks of one kind do together: their inputs are gathered, and `handler` is called with many at once.
 *
 * Make it once and give it to every task: a graph has one handler for each key.
 *
 * @example
 * const lengths = batch("lengths", (items: readonly { text: string }[]) => items.map(({ text }) => text.length), { batchSize: 32 });
 * const graph = new TaskGraph();
 * const handles = ["tea", "milk"].map((text) => graph.task(`length:${text}`, { text }, lengths));
 * await using executor = new ParallelExecutor();
 * const results = await executor.executeTasks(graph);
 * console.log(handles.map((handle) => results.get(handle).output)); // prints [ 3, 4 ]
 *
 * @param key 1 to 200 characters, for people and metrics.
 * @throws InvalidOptionError with everything that is wrong.
 */
export function batch<Item, Entry>(
  key: string,
  handler: BatchHandler<Item, Entry>,
  options: BatchOptions = {},
): BatchWork<Item, ItemOutput<Entry>> {
  const check = new Checker("batch");
  if (typeof key !== "string" || key.length === 0 || key.length > 200)
    check.report("key", "takes a string of 1 to 200 characters");
  if (typeof handler !== "function") check.report("handler", "takes a function of an array of items");
  if (!check.object("options", options, batchOptionNames)) throw new InvalidOptionError(check.problems);
  const limits = readBatchLimits(check, options);
  check.finish();
  return { kind: "batch", key, handler: handler as BatchHandler<never, unknown>, limits };
}
