/** Numbers about runs while they go on. */
import { Checker } from "../model/check.js";
import type { RunEvent } from "../model/event.js";
import type { Duration } from "../model/units.js";
import type { Observer, RunTally, TalliedRun } from "../port/observer.js";
import { EventTally } from "./event-tally.js";
import { Ledger } from "./ledger.js";
import { LedgerTally } from "./ledger-tally.js";
import type { ExecutionMetrics, MonitorSnapshot } from "./metrics.js";
import { readLedger } from "./read-ledger.js";
import { Subscription } from "./subscription.js";

/** How a monitor counts. */
export interface ExecutionMonitorOptions {
  /** Lengths of the sliding windows, up to 8, each from 1 second to 1 day. Default 10 seconds, 1 minute and 5 minutes. */
  readonly windows?: readonly Duration[];
  /** Kinds of task that are counted each for itself, from 0 to 1000; the others are counted together as `"(other)"`. Default 100. */
  readonly maxNames?: number;
}

/** How often a subscriber is told. */
export interface SubscribeOptions {
  /** Between one snapshot and the next; from 10 milliseconds. Default 1 second. */
  readonly interval?: Duration;
  /** Ends the stream. Default: none. */
  readonly signal?: AbortSignal;
}

const defaultWindows: readonly Duration[] = ["10s", "1m", "5m"];

/**
 * Watches runs.
 *
 * One monitor may be given to several executors and added to single runs (`run.observe(monitor)`); its figures are those of
 * all of them. Its memory does not grow with the number of tasks, and a task costs it a few additions.
 *
 * @example
 * const monitor = new ExecutionMonitor();
 * await using executor = new ParallelExecutor({ monitor });
 * await executor.executeTasks([{ id: "a", run: () => 1 }]);
 * console.log(monitor.getMetrics().successRate); // prints 1
 */
export class ExecutionMonitor implements Observer {
  readonly #ledger: Ledger;
  readonly #events: EventTally;

  /** @throws InvalidOptionError with everything that is wrong with the options. */
  constructor(options: ExecutionMonitorOptions = {}) {
    const { windows, maxNames } = readOptions(options);
    this.#ledger = new Ledger(windows, maxNames);
    this.#events = new EventTally(this.#ledger);
  }

  /** Counts a run as it goes on: executors call it, once for each run. */
  tally(run: TalliedRun): RunTally {
    return new LedgerTally(this.#ledger, run);
  }

  /** Counts an event of a run that does not go on here: one that is read from a journal, say. */
  observe(event: RunEvent): void {
    this.#events.observe(event);
  }

  /** The numbers as they are now: plain data. */
  getMetrics(): ExecutionMetrics {
    return readLedger(this.#ledger);
  }

  /** The metrics with the time at which they were true, for whoever keeps or sends them. */
  snapshot(): MonitorSnapshot {
    const metrics = this.getMetrics();
    return { version: 1, at: this.#ledger.now, since: this.#ledger.since ?? null, metrics };
  }

  /** @internal What exporters need beyond the metrics: the ledger after all that was kept back has been told. */
  read(): Ledger {
    this.#ledger.flush();
    return this.#ledger;
  }

  /**
   * Snapshots, the first at once and then one in each interval. Nothing is kept for a reader that is slow: it gets what is
   * true when it asks. Does not keep the process alive.
   *
   * @throws InvalidOptionError
   */
  subscribe(options: SubscribeOptions = {}): AsyncIterableIterator<MonitorSnapshot, undefined> {
    const check = new Checker("subscribe");
    check.object("", options, ["interval", "signal"]);
    const intervalMs = check.durationMs("interval", options.interval, 1000, 10);
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
      check.report("signal", "takes an AbortSignal");
    check.finish();
    return new Subscription(() => this.snapshot(), intervalMs, options.signal);
  }

  /** Forgets what has ended. What runs or waits now goes on being counted. */
  reset(): void {
    this.#ledger.reset();
  }
}

function readOptions(options: ExecutionMonitorOptions): { windows: number[]; maxNames: number } {
  const check = new Checker("monitor");
  check.object("", options, ["windows", "maxNames"]);
  const given = options.windows ?? defaultWindows;
  if (!Array.isArray(given) || given.length > 8) check.report("windows", "takes an array of up to 8 durations");
  const windows = (Array.isArray(given) ? given : []).map((length, place) =>
    check.durationMs(`windows[${place}]`, length, 1000, 1000),
  );
  if (windows.some((length) => length > 86_400_000)) check.report("windows", "takes durations up to 1 day");
  const maxNames = check.number("maxNames", options.maxNames, { minimum: 0, maximum: 1000, integer: true }, 100);
  check.finish();
  return { windows, maxNames };
}
