/** All that a monitor has counted, of every run that it watches. */
import { otherKindName } from "../core/task-kinds.js";
import type { TalliedRun } from "../port/observer.js";
import { UsageMeter } from "./usage.js";
import { FiguresOverTime, WindowTime } from "./windows.js";

const mostWorkers = 10_000;

export class PoolMeter {
  readonly use = new UsageMeter();
  readonly workers = new Set<string>();

  took(workerId: string, at: number): void {
    this.use.change(1, at);
    if (this.workers.size < mostWorkers) this.workers.add(workerId);
  }
}

/** A run in progress, as far as it is watched. */
export interface WatchedRun {
  readonly run: Pick<
    TalliedRun,
    "id" | "graph" | "startedAt" | "limits" | "taskCount" | "ready" | "kindName" | "flush" | "tellAtOnce" | "now"
  >;
  readonly ended: number;
  readonly running: number;
}

export class Ledger {
  readonly time: WindowTime;
  readonly names = new Map<string, FiguresOverTime>();
  readonly slots = new UsageMeter();
  /** Declared resources by name, `slots` among them. */
  readonly use = new Map<string, UsageMeter>([["slots", this.slots]]);
  readonly limits = new Map<string, UsageMeter>();
  /** Limits of the last run that started. */
  lastLimits: Readonly<Record<string, number>> = { slots: 0 };
  readonly pools = new Map<string, PoolMeter>();
  /** 1 while a run is in progress. */
  readonly active = new UsageMeter();
  readonly runs = new Set<WatchedRun>();
  /** Start of the first run, or the last reset. */
  since: number | undefined;
  readonly #maxNames: number;
  #lastAt = 0;
  #clock: () => number = () => 0;
  /** How often it was reset: what was had of it before is of no use after. */
  generation = 0;

  constructor(windowLengths: readonly number[], maxNames: number) {
    this.time = new WindowTime(windowLengths);
    this.#maxNames = maxNames;
  }

  /** Milliseconds: what the clock of the last run says, or the time of the last event where that is later. */
  get now(): number {
    return Math.max(this.#lastAt, this.#clock());
  }

  /** Where tasks of this name are counted. */
  figuresOf(name: string): FiguresOverTime {
    return this.names.get(name) ?? this.#addName(name);
  }

  /** Time has come to `at`. */
  reach(at: number): void {
    if (at > this.#lastAt) this.#lastAt = at;
    if (at < this.time.until) return;
    for (const figures of this.names.values()) figures.turn(this.time);
    this.time.begin(at);
  }

  open(watched: WatchedRun): void {
    const { limits, startedAt, now } = watched.run;
    this.reach(startedAt);
    this.since ??= startedAt;
    this.#clock = now;
    this.lastLimits = limits;
    this.flush();
    if (this.runs.size === 0) this.active.change(1, startedAt);
    // What several runs use at once at most can only be told by who knows the order of what happens in them.
    if (this.runs.size === 1) for (const { run } of this.runs) run.tellAtOnce(true);
    if (this.runs.size > 0) watched.run.tellAtOnce(true);
    this.runs.add(watched);
    this.#changeLimits(limits, 1, startedAt);
  }

  close(watched: WatchedRun, at: number): void {
    if (!this.runs.delete(watched)) return;
    this.reach(at);
    this.#changeLimits(watched.run.limits, -1, at);
    if (this.runs.size === 0) this.active.change(-1, at);
    if (this.runs.size === 1) for (const { run } of this.runs) run.tellAtOnce(false);
  }

  /** Has the runs tell what they keep back. */
  flush(): void {
    for (const { run } of this.runs) run.flush();
  }

  meter(resource: string): UsageMeter {
    return meterIn(this.use, resource);
  }

  pool(kind: string): PoolMeter {
    let pool = this.pools.get(kind);
    if (pool === undefined) {
      pool = new PoolMeter();
      this.pools.set(kind, pool);
    }
    return pool;
  }

  /** Forgets what has ended. What runs or waits now goes on being counted. */
  reset(): void {
    this.flush();
    const at = this.now;
    this.reach(at);
    this.names.clear();
    this.generation++;
    this.since = at;
    for (const meter of [...this.use.values(), ...this.limits.values(), this.active]) meter.reset(at);
    for (const { use, workers } of this.pools.values()) {
      use.reset(at);
      workers.clear();
    }
  }

  #addName(name: string): FiguresOverTime {
    const kept = this.names.size < this.#maxNames ? name : otherKindName;
    const figures = this.names.get(kept) ?? new FiguresOverTime(this.time.lengths.length);
    this.names.set(kept, figures);
    return figures;
  }

  #changeLimits(limits: Readonly<Record<string, number>>, sign: 1 | -1, at: number): void {
    for (const [name, limit] of Object.entries(limits))
      if (Number.isFinite(limit)) meterIn(this.limits, name).change(sign * limit, at);
  }
}

function meterIn(meters: Map<string, UsageMeter>, name: string): UsageMeter {
  let meter = meters.get(name);
  if (meter === undefined) {
    meter = new UsageMeter();
    meters.set(name, meter);
  }
  return meter;
}
