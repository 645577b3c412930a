/** What is counted of one kind of task in one stretch of time. Sums of such are such again: windows and totals are made so. */
import type { AttemptEndedEvent } from "../model/event.js";
import type { AttemptFacts, ResourceUsage, TaskStatus } from "../model/result.js";
import type { AttemptEndDetails } from "../port/observer.js";
import { type DurationColumn, DurationHistogram } from "./distribution.js";

/** Places of the counts in a column of numbers. */
export const count = {
  succeeded: 0,
  failed: 1,
  timedOut: 2,
  cancelled: 3,
  skipped: 4,
  attempts: 5,
  retries: 6,
  timeouts: 7,
  lost: 8,
  cacheHit: 9,
  cacheStale: 10,
  cacheJoined: 11,
  cacheMiss: 12,
  /** Items that were served in a batch. */
  batchItems: 13,
  /** Sum over items of 1 / size: each batch counts 1 when all its items have. */
  batches: 14,
  /** Sum over items of 1 / limit: each batch counts its fill. */
  batchFill: 15,
  sandboxWarm: 16,
  sandboxCold: 17,
  cpuSeconds: 18,
  /** Attempts whose runner told their CPU. */
  cpuTold: 19,
} as const;

const countOfStatus: Readonly<Record<TaskStatus, number>> = {
  succeeded: count.succeeded,
  failed: count.failed,
  "timed-out": count.timedOut,
  cancelled: count.cancelled,
  skipped: count.skipped,
};

const countOfCache = {
  hit: count.cacheHit,
  stale: count.cacheStale,
  joined: count.cacheJoined,
  miss: count.cacheMiss,
} as const satisfies Record<NonNullable<AttemptFacts["cache"]>, number>;

export class Figures {
  readonly counts = new Float64Array(20);
  readonly executionTime = new DurationHistogram();
  readonly queuedTime = new DurationHistogram();
  peakBytes = 0;

  /** 0 where nothing was counted: whatever is counted counts an attempt or the end of a task. */
  get attemptsOrEnds(): number {
    let sum = 0;
    for (let place = count.succeeded; place <= count.attempts; place++) sum += this.counts[place]!;
    return sum;
  }

  attemptEnded(
    outcome: AttemptEndedEvent["outcome"],
    executionTime: number,
    details: AttemptEndDetails | undefined,
  ): void {
    const { counts } = this;
    counts[count.attempts]!++;
    this.executionTime.record(executionTime);
    if (outcome === "timed-out") counts[count.timeouts]!++;
    else if (outcome === "lost") counts[count.lost]!++;
    if (details !== undefined) this.#details(details);
  }

  taskEnded(status: TaskStatus, queuedTime: number): void {
    // Most tasks by far, so they are spared the look-up.
    this.counts[status === "succeeded" ? count.succeeded : countOfStatus[status]]!++;
    if (queuedTime >= 0) this.queuedTime.record(queuedTime);
  }

  /** Functions that succeeded and of which there is nothing else to tell: their times are the first `successes` of each, which are used up. */
  functionsSucceeded(executionTimes: DurationColumn, queuedTimes: DurationColumn, successes: number): void {
    this.counts[count.attempts]! += successes;
    this.counts[count.succeeded]! += successes;
    this.executionTime.recordAll(executionTimes, successes);
    this.queuedTime.recordAll(queuedTimes, successes);
  }

  add(other: Figures): void {
    for (let place = 0; place < this.counts.length; place++) this.counts[place]! += other.counts[place]!;
    this.executionTime.add(other.executionTime);
    this.queuedTime.add(other.queuedTime);
    this.peakBytes = Math.max(this.peakBytes, other.peakBytes);
  }

  clear(): void {
    this.counts.fill(0);
    this.executionTime.clear();
    this.queuedTime.clear();
    this.peakBytes = 0;
  }

  #details({ retried, facts, usage }: AttemptEndDetails): void {
    if (retried) this.counts[count.retries]!++;
    if (usage !== undefined) this.#usage(usage);
    if (facts !== undefined) this.#facts(facts);
  }

  #usage({ cpuSeconds, peakBytes }: ResourceUsage): void {
    if (cpuSeconds !== undefined) {
      this.counts[count.cpuSeconds]! += cpuSeconds;
      this.counts[count.cpuTold]!++;
    }
    if (peakBytes !== undefined) this.peakBytes = Math.max(this.peakBytes, peakBytes);
  }

  #facts({ cache, batch, sandbox }: AttemptFacts): void {
    const { counts } = this;
    if (cache !== undefined) counts[countOfCache[cache]]!++;
    if (sandbox !== undefined) counts[sandbox.start === "warm" ? count.sandboxWarm : count.sandboxCold]!++;
    if (batch !== undefined) {
      counts[count.batchItems]!++;
      counts[count.batches]! += 1 / batch.size;
      counts[count.batchFill]! += 1 / batch.limit;
    }
  }
}
