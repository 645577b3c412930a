/** Turns figures into the metrics that users read. */
import { count, type Figures } from "./figures.js";
import type { TaskMetrics } from "./metrics.js";

/** `seconds` is the time in which the figures were counted. */
export function readFigures(figures: Figures, seconds: number): TaskMetrics {
  const { counts } = figures;
  const at = (place: number): number => counts[place]!;
  const ended = {
    succeeded: at(count.succeeded),
    failed: at(count.failed),
    "timed-out": at(count.timedOut),
    cancelled: at(count.cancelled),
    skipped: at(count.skipped),
  };
  const ran = ended.succeeded + ended.failed + ended["timed-out"];
  const all = ran + ended.cancelled + ended.skipped;
  const [hits, stale, joined, misses] = [
    at(count.cacheHit),
    at(count.cacheStale),
    at(count.cacheJoined),
    at(count.cacheMiss),
  ];
  const served = hits + stale + joined;
  const [warm, cold] = [at(count.sandboxWarm), at(count.sandboxCold)];
  return {
    ended,
    successRate: ran === 0 ? 1 : ended.succeeded / ran,
    throughput: ratio(all, seconds),
    attempts: at(count.attempts),
    retries: at(count.retries),
    timeouts: at(count.timeouts),
    lost: at(count.lost),
    executionTime: figures.executionTime.read(),
    queuedTime: figures.queuedTime.read(),
    cache: { hits, stale, joined, misses, hitRate: ratio(served, served + misses) },
    batch: {
      items: at(count.batchItems),
      batches: Math.round(at(count.batches)),
      fill: ratio(at(count.batchFill), at(count.batches)),
    },
    sandbox: { warm, cold, warmRate: ratio(warm, warm + cold) },
    usage: {
      cpuSeconds: at(count.cpuSeconds),
      meanCpuSeconds: ratio(at(count.cpuSeconds), at(count.cpuTold)),
      peakBytes: figures.peakBytes,
    },
  };
}

export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
