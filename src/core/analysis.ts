/**
 * Why a run took as long as it did. From the task that ended last the run is walked back to its start: the attempt that ran,
 * what came before it (retries, a wait for something that was full), and then the dependency that ended last before the task
 * could run, and so on. The pieces lie end to end, so their seconds add up to the run's, each with what it was lost to.
 */
import type { RunEvent } from "../model/event.js";
import { type AttemptSpan, type RunHistory, readHistory, type TaskHistory } from "./run-history.js";
import { simulate } from "./simulate.js";

/**
 * What time was lost to. `work`: a task ran whose dependents waited; `retries`: attempts that were tried again, and the delays
 * between; `slots`, `cpu`, `memory` or another resource: it was full; `workers`: there was a slot, but nothing to carry the
 * attempt out yet, because workers were busy or had to start; `engine`: none of these.
 */
export type Bound = "work" | "retries" | "slots" | "workers" | "engine" | (string & {});

/** A stretch of a run's time, and what it was lost to. */
export interface ChainPiece {
  /** The task that was waited for. */
  readonly taskId: string;
  /** Its kind. */
  readonly name: string;
  /** What the time was lost to. */
  readonly bound: Bound;
  /** Seconds from the start of the run. */
  readonly start: number;
  /** Length of the stretch. */
  readonly seconds: number;
}

/** Where the time of a run went. */
export interface RunAnalysis {
  /** Id of the run. */
  readonly runId: string;
  /** Name of the graph. */
  readonly graph: string;
  /** Seconds from the start of the run to the last end. */
  readonly makespan: number;
  /** Seconds of all attempts together. */
  readonly work: number;
  /** The longest path of dependencies by what its tasks really took: no number of workers makes the run shorter. */
  readonly criticalPath: { readonly seconds: number; readonly tasks: readonly { taskId: string; seconds: number }[] };
  /** What the makespan was lost to, most first; the seconds add up to it. */
  readonly bounds: readonly { readonly bound: Bound; readonly seconds: number; readonly share: number }[];
  /** What it was lost to, piece by piece, from the start of the run to its end. */
  readonly chain: readonly ChainPiece[];
  /** Attempts at once: the most there were, what the limit was, and how much of that many was worked, from 0 to 1. */
  readonly workers: { readonly peak: number; readonly limit: number; readonly utilization: number };
  /** Makespans by the simulator with as many workers as there were, and one more; `speedUp` is how many times shorter. */
  readonly oneMoreWorker: { readonly predicted: number; readonly withOneMore: number; readonly speedUp: number };
}

/**
 * Analyses a run that has ended, or what is known of one that has not.
 *
 * @example
 * await using executor = new ParallelExecutor();
 * await using run = executor.run([{ id: "load", run: () => 1 }]);
 * const events: RunEvent[] = [];
 * for await (const event of run) events.push(event);
 * console.log(analyze(events).criticalPath.tasks.map(({ taskId }) => taskId)); // prints [ 'load' ]
 */
export function analyze(events: Iterable<RunEvent>): RunAnalysis {
  const history = readHistory(events);
  const ran = [...history.tasks.values()].filter(({ attempts }) => attempts.length > 0);
  const end = Math.max(history.startedAt, ...ends(ran));
  const makespan = (end - history.startedAt) / 1000;
  const work = ran.reduce((sum, task) => sum + busySeconds(task), 0);
  const peak = peakOf(ran);
  const chain = new ChainReader(history, ran).read();
  return {
    runId: history.runId,
    graph: history.graph,
    makespan,
    work,
    criticalPath: criticalPathOf(ran),
    bounds: boundsOf(chain, makespan),
    chain,
    workers: {
      peak,
      limit: history.limits.slots ?? peak,
      utilization: makespan === 0 || peak === 0 ? 0 : Math.min(1, work / (makespan * peak)),
    },
    oneMoreWorker: oneMore(history, ran, peak),
  };
}

function* ends(tasks: readonly TaskHistory[]): Generator<number> {
  for (const { attempts } of tasks) yield attempts.at(-1)!.end;
}

function busySeconds({ attempts }: TaskHistory): number {
  return attempts.reduce((sum, { start, end }) => sum + (end - start), 0) / 1000;
}

/** Walks back from the last end. */
class ChainReader {
  readonly #history: RunHistory;
  readonly #tasks: readonly TaskHistory[];
  readonly #spans: readonly AttemptSpan[];
  readonly #pieces: ChainPiece[] = [];

  constructor(history: RunHistory, tasks: readonly TaskHistory[]) {
    this.#history = history;
    this.#tasks = tasks;
    this.#spans = tasks.flatMap(({ attempts }) => attempts);
  }

  read(): ChainPiece[] {
    let task = lastOf(this.#tasks);
    let until = task === undefined ? 0 : lastEnd(task);
    while (task !== undefined) {
      const first = task.attempts[0]!;
      this.#attempts(task, until);
      const dependencies = this.#dependenciesOf(task).filter((dependency) => lastEnd(dependency) <= first.start);
      const before: TaskHistory | undefined = lastOf(dependencies) ?? this.#adderOf(task);
      until = before === undefined ? this.#history.startedAt : Math.min(lastEnd(before), task.readyAt ?? first.start);
      const readyAt = Math.min(first.start, Math.max(until, task.readyAt ?? until));
      this.#wait(task, readyAt, first);
      this.#add(task, "engine", until, readyAt);
      task = before;
    }
    return this.#pieces.reverse();
  }

  /** The task that added this one, where it ran by then. */
  #adderOf({ addedBy, attempts, readyAt }: TaskHistory): TaskHistory | undefined {
    const adder = addedBy === undefined ? undefined : this.#history.tasks.get(addedBy);
    const start = adder?.attempts[0]?.start;
    return start !== undefined && start <= Math.min(attempts[0]!.start, readyAt ?? start) ? adder : undefined;
  }

  /** The last attempt is work; all before it, and the delays, would not have been without the failures. */
  #attempts(task: TaskHistory, until: number): void {
    const first = task.attempts[0]!;
    const last = task.attempts.findLast(({ start }) => start <= until) ?? first;
    this.#add(task, "work", last.start, until);
    this.#add(task, "retries", first.start, last.start);
  }

  /** Cuts a wait where what is in use changes, and says for each part what was full. */
  #wait(task: TaskHistory, from: number, first: AttemptSpan): void {
    if (from >= first.start) return;
    const others = this.#spans.filter((span) => span.start < first.start && span.end > from);
    const cuts = [...new Set([from, first.start, ...others.flatMap(({ start, end }) => [start, end])])]
      .filter((at) => at >= from && at <= first.start)
      .sort((left, right) => right - left);
    for (let place = 0; place + 1 < cuts.length; place++) {
      const [later, earlier] = [cuts[place]!, cuts[place + 1]!];
      const running = others.filter(({ start, end }) => start <= earlier && end >= later);
      this.#add(task, this.#fullFor(first, running), earlier, later);
    }
  }

  #fullFor({ resources, workerId }: AttemptSpan, running: readonly AttemptSpan[]): Bound {
    const { limits } = this.#history;
    if (running.length >= (limits.slots ?? Number.POSITIVE_INFINITY)) return "slots";
    for (const [name, amount] of Object.entries(resources)) {
      const used = running.reduce((sum, attempt) => sum + (attempt.resources[name] ?? 0), 0);
      if (used + amount > (limits[name] ?? Number.POSITIVE_INFINITY)) return name;
    }
    return workerId === "inline" ? "engine" : "workers";
  }

  #dependenciesOf(task: TaskHistory): TaskHistory[] {
    return task.dependsOn.flatMap((id) => {
      const dependency = this.#history.tasks.get(id);
      return dependency === undefined || dependency.attempts.length === 0 ? [] : [dependency];
    });
  }

  #add({ id, name }: TaskHistory, bound: Bound, from: number, to: number): void {
    if (to <= from) return;
    const last = this.#pieces.at(-1);
    const start = (from - this.#history.startedAt) / 1000;
    const seconds = (to - from) / 1000;
    // Parts of one wait that are lost to the same are one piece.
    if (last?.taskId === id && last.bound === bound)
      this.#pieces[this.#pieces.length - 1] = { ...last, start, seconds: last.seconds + seconds };
    else this.#pieces.push({ taskId: id, name, bound, start, seconds });
  }
}

function lastEnd({ attempts }: TaskHistory): number {
  return attempts.at(-1)!.end;
}

function lastOf(tasks: readonly TaskHistory[]): TaskHistory | undefined {
  return tasks.reduce<TaskHistory | undefined>(
    (last, task) => (last === undefined || lastEnd(task) > lastEnd(last) ? task : last),
    undefined,
  );
}

function boundsOf(chain: readonly ChainPiece[], makespan: number): RunAnalysis["bounds"] {
  const lost = new Map<Bound, number>();
  for (const { bound, seconds } of chain) lost.set(bound, (lost.get(bound) ?? 0) + seconds);
  return [...lost]
    .sort((left, right) => right[1] - left[1])
    .map(([bound, seconds]) => ({ bound, seconds, share: makespan === 0 ? 0 : seconds / makespan }));
}

/** The heaviest path. Tasks are taken in the order of their ends, in which each comes after its dependencies. */
function criticalPathOf(tasks: readonly TaskHistory[]): RunAnalysis["criticalPath"] {
  const best = new Map<string, { readonly seconds: number; readonly before: string | undefined }>();
  let last: string | undefined;
  for (const task of [...tasks].sort((left, right) => lastEnd(left) - lastEnd(right))) {
    let before: string | undefined;
    for (const id of task.dependsOn)
      if ((best.get(id)?.seconds ?? -1) > (before === undefined ? -1 : best.get(before)!.seconds)) before = id;
    const seconds = busySeconds(task) + (before === undefined ? 0 : best.get(before)!.seconds);
    best.set(task.id, { seconds, before });
    if (last === undefined || seconds > best.get(last)!.seconds) last = task.id;
  }
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const path: { taskId: string; seconds: number }[] = [];
  for (let id = last; id !== undefined; id = best.get(id)!.before)
    path.push({ taskId: id, seconds: busySeconds(byId.get(id)!) });
  return { seconds: last === undefined ? 0 : best.get(last)!.seconds, tasks: path.reverse() };
}

function peakOf(tasks: readonly TaskHistory[]): number {
  const changes = tasks
    .flatMap(({ attempts }) =>
      attempts.flatMap(({ start, end }) => [
        { at: start, amount: 1 },
        { at: end, amount: -1 },
      ]),
    )
    .sort((left, right) => left.at - right.at || left.amount - right.amount);
  let running = 0;
  let peak = 0;
  for (const { amount } of changes) {
    running += amount;
    peak = Math.max(peak, running);
  }
  // An attempt that took no time was one all the same.
  return tasks.length > 0 ? Math.max(1, peak) : 0;
}

function oneMore({ limits }: RunHistory, ran: readonly TaskHistory[], peak: number): RunAnalysis["oneMoreWorker"] {
  if (ran.length === 0) return { predicted: 0, withOneMore: 0, speedUp: 1 };
  const ids = new Set(ran.map(({ id }) => id));
  const tasks = ran.map((task) => ({
    id: task.id,
    run: () => undefined,
    dependsOn: task.dependsOn.filter((id) => ids.has(id)),
    expectedDuration: busySeconds(task),
    resources: task.attempts[0]!.resources,
  }));
  const { slots: _slots, cpu, memory, ...custom } = limits;
  const makespan = (workers: number): number =>
    simulate(tasks, {
      workers,
      ...(cpu !== undefined && { maxCpuCores: cpu }),
      ...(memory !== undefined && Number.isFinite(memory) && { maxMemory: memory }),
      resources: custom,
    }).makespan;
  const [predicted, withOneMore] = [makespan(peak), makespan(peak + 1)];
  return { predicted, withOneMore, speedUp: withOneMore === 0 ? 1 : predicted / withOneMore };
}
