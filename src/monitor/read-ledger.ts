/** Reads a ledger as the metrics that users see. */
import { Figures } from "./figures.js";
import type { Ledger, WatchedRun } from "./ledger.js";
import type {
  ExecutionMetrics,
  NamedTaskMetrics,
  PoolUse,
  ResourceUtilization,
  RunInProgress,
  WindowMetrics,
} from "./metrics.js";
import { ratio, readFigures } from "./read-figures.js";

export function readLedger(ledger: Ledger): ExecutionMetrics {
  ledger.flush();
  const at = ledger.now;
  ledger.reach(at);
  const activeTime = ledger.active.area(at);
  const named = [...ledger.names].map(([name, figures]) => ({ name, figures: figures.total() }));
  const overall = readFigures(sumOf(named), activeTime);
  return {
    avgExecutionTime: overall.executionTime.mean,
    ...overall,
    resourceUtilization: utilizationOf(ledger, at, activeTime),
    pools: poolsOf(ledger, at, activeTime),
    ready: [...ledger.runs].reduce((sum, { run }) => sum + run.ready, 0),
    running: ledger.slots.now,
    activeTime,
    runs: [...ledger.runs].map(inProgress),
    byName: byName(named, activeTime),
    windows: ledger.time.lengths.map((_, window) => readWindow(ledger, window, at)),
  };
}

interface NamedFigures {
  readonly name: string;
  readonly figures: Figures;
}

function sumOf(named: readonly NamedFigures[]): Figures {
  const sum = new Figures();
  for (const { figures } of named) sum.add(figures);
  return sum;
}

function byName(named: readonly NamedFigures[], seconds: number): NamedTaskMetrics[] {
  return [...named]
    .sort((left, right) => right.figures.executionTime.sum - left.figures.executionTime.sum)
    .map(({ name, figures }) => ({ name, ...readFigures(figures, seconds) }));
}

function readWindow({ time, names, since }: Ledger, window: number, at: number): WindowMetrics {
  const named = [...names].map(([name, figures]) => ({ name, figures: figures.within(window, time, at) }));
  const some = named.filter(({ figures }) => figures.attemptsOrEnds > 0);
  const covered = Math.max(0, at - Math.max(time.start(window, at), since ?? at)) / 1000;
  return {
    seconds: time.lengths[window]! / 1000,
    covered,
    ...readFigures(sumOf(some), covered),
    byName: byName(some, covered),
  };
}

function utilizationOf(ledger: Ledger, at: number, activeTime: number): Record<string, ResourceUtilization> {
  const { use, limits, lastLimits, runs } = ledger;
  const names = new Set([...use.keys(), ...limits.keys()]);
  return Object.fromEntries(
    [...names].map((name) => {
      const meter = use.get(name);
      const area = meter?.area(at) ?? 0;
      const limit = limits.get(name);
      const used = {
        now: meter?.now ?? 0,
        average: activeTime > 0 ? area / activeTime : (meter?.now ?? 0),
        peak: meter?.peak ?? 0,
        limit: runs.size > 0 ? (limit?.now ?? 0) : (lastLimits[name] ?? 0),
        fraction: Math.min(1, ratio(area, limit?.area(at) ?? 0)),
      };
      return [name, used];
    }),
  );
}

function poolsOf({ pools }: Ledger, at: number, activeTime: number): Record<string, PoolUse> {
  return Object.fromEntries(
    [...pools].map(([kind, { use, workers }]) => {
      const average = activeTime > 0 ? use.area(at) / activeTime : use.now;
      return [kind, { busy: use.now, average, peak: use.peak, workers: workers.size }];
    }),
  );
}

function inProgress({ run, ended, running }: WatchedRun): RunInProgress {
  const { id: runId, graph, startedAt, taskCount, ready } = run;
  return { runId, graph, startedAt, taskCount, ended, ready, running };
}
