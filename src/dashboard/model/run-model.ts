/**
 * A run as a watcher sees it, folded from its events and from nothing else, so that a live run and a journal of an
 * earlier one look the same. Every change carries the sequence of its event, and whoever follows asks for what changed
 * after the sequence that it has seen: nothing is queued for anybody, however slow.
 */
import { toErrorData } from "../../model/error.js";
import type {
  AttemptEndedEvent,
  AttemptStartedEvent,
  RunEvent,
  RunStartedEvent,
  TaskEndedEvent,
  TaskRestoredEvent,
  TasksAddedEvent,
} from "../../model/event.js";
import type { FailureReason } from "../../model/result.js";
import type { Observer } from "../../port/observer.js";
import { type RunState, stateCode, type TaskStateName, taskStates } from "../protocol.js";
import { type DetailBounds, DetailStore, sizeOf } from "./details.js";
import { attemptFacts, describeReason, noteOf } from "./facts.js";
import { TimeSeries } from "./series.js";
import { TaskTable } from "./task-columns.js";
import { cut, describeTold, describeValue, errorDetail } from "./text.js";
import { TextTable } from "./text-table.js";

/** Attempts that were followed by another are listed up to this number. */
const mostPast = 50_000;
const mostOutput = 20_000;

export interface PastAttempt {
  readonly task: number;
  readonly worker: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

export class RunModel implements Observer {
  readonly id: string;
  graph = "";
  state: RunState = "waiting";
  /** Milliseconds since the epoch. */
  startedAt = 0;
  endedAt: number | undefined;
  limits: Readonly<Record<string, number>> = {};
  /** Sequence of the last event; -1 before the first. */
  sequence = -1;
  cancelMessage = "";
  /** Tasks that had ended in an earlier process and are not run again; `undefined` where there was none. */
  reused: number | undefined;
  /** When the last task succeeded, milliseconds since the run started. */
  lastEndAt = 0;
  readonly tasks = new TaskTable();
  readonly counts: number[] = taskStates.map(() => 0);
  readonly workers = new TextTable(2000, "other workers");
  readonly notes = new TextTable(5000, "(one of many different messages)");
  readonly series = new TimeSeries();
  readonly details: DetailStore;
  readonly past: PastAttempt[] = [];
  /** Tasks that run now. */
  readonly running = new Set<number>();
  /** Failed and timed-out tasks by their words. */
  readonly failures = new Map<number, { count: number; readonly tasks: number[] }>();
  /** Seconds that succeeded tasks of a kind ran: how many, all together, the longest. */
  readonly durations = new Map<number, { count: number; sum: number; longest: number }>();
  /** Where the trouble began, of tasks that were skipped for another. */
  readonly roots = new Map<number, number>();
  /** When the next attempt may start, of tasks that wait for one. */
  readonly retryAt = new Map<number, number>();
  readonly #held = new Map<number, Readonly<Record<string, number>>>();

  constructor(id: string, bounds: DetailBounds = {}) {
    this.id = id;
    this.details = new DetailStore(bounds);
  }

  get ended(): boolean {
    return this.endedAt !== undefined;
  }

  observe(event: RunEvent): void {
    if (event.sequence <= this.sequence) return;
    this.sequence = event.sequence;
    if (this.startedAt === 0) this.startedAt = event.at;
    switch (event.type) {
      case "run-started":
        return this.#runStarted(event);
      case "tasks-added":
        return this.#tasksAdded(event);
      case "task-ready":
        return this.#ready(this.#touch(event), this.#since(event.at));
      case "attempt-started":
        return this.#attemptStarted(this.#touch(event), event);
      case "attempt-progress":
        this.details.open(this.#touch(event)).told = describeTold(event.value);
        return;
      case "attempt-log": {
        const { stream, text } = event;
        return this.details.addLog(this.#touch(event), { at: this.#since(event.at), stream, text });
      }
      case "attempt-ended":
        return this.#attemptEnded(this.#touch(event), event);
      case "task-suspended":
        return this.#hold(this.#touch(event), "suspended", -1, this.#since(event.at));
      case "task-resumed":
        return this.#hold(this.#touch(event), "running", 1, this.#since(event.at));
      case "task-ended":
        return this.#taskEnded(this.#touch(event), event);
      case "task-restored":
        return this.#taskRestored(this.#touch(event), event);
      case "run-resumed":
        this.reused = event.reused;
        return;
      case "cancel-requested":
        this.state = "cancelling";
        this.cancelMessage = cut(event.message, 500);
        return;
      case "run-ended":
        return this.#runEnded(event.at);
    }
  }

  /** What succeeded needs no second run. */
  get unsuccessful(): number {
    return this.#count("failed") + this.#count("timed-out") + this.#count("cancelled") + this.#count("skipped");
  }

  countOf(state: TaskStateName): number {
    return this.#count(state);
  }

  #count(state: TaskStateName): number {
    return this.counts[stateCode[state]]!;
  }

  #since(at: number): number {
    return Math.max(0, at - this.startedAt);
  }

  #runStarted(event: RunStartedEvent): void {
    this.graph = cut(event.graph, 200);
    this.startedAt = event.at;
    this.limits = event.limits;
    this.state = "running";
    if (event.outline !== undefined) this.tasks.addOutline(event.outline, event.sequence);
    this.counts[stateCode.waiting] = this.tasks.size;
  }

  #tasksAdded(event: TasksAddedEvent): void {
    const parent = this.#touch(event);
    const first = this.tasks.size;
    event.taskIds.forEach((id, place) => {
      if (this.tasks.number(id) !== undefined) return;
      this.tasks.add(id, event.added?.[place]?.name ?? event.name, parent, event.sequence);
      this.counts[stateCode.waiting]!++;
    });
    event.taskIds.forEach((id, place) => {
      const task = this.tasks.number(id)!;
      const dependsOn = event.added?.[place]?.dependsOn ?? [];
      const numbers = dependsOn.map((other) => this.tasks.number(other)).filter((other) => other !== undefined);
      if (task >= first) this.tasks.setDependencies(task, numbers);
    });
  }

  /** The number of the event's task, marked as changed. A task that nothing has told of before is made known. */
  #touch(event: { readonly taskId: string; readonly name: string; readonly sequence: number }): number {
    const known = this.tasks.number(event.taskId);
    if (known === undefined) {
      this.counts[stateCode.waiting]!++;
      return this.tasks.add(event.taskId, event.name, -1, event.sequence);
    }
    this.tasks.changed[known] = event.sequence;
    return known;
  }

  #move(task: number, to: TaskStateName): void {
    const { state } = this.tasks;
    const from = state[task]!;
    const code = stateCode[to];
    this.counts[from]!--;
    this.counts[code]!++;
    state[task] = code;
    if (to === "running") this.running.add(task);
    else this.running.delete(task);
  }

  #ready(task: number, at: number): void {
    this.#move(task, "ready");
    this.retryAt.delete(task);
    if (this.tasks.readyAt[task] === -1) this.tasks.readyAt[task] = at;
    this.series.change("ready", 1, at);
  }

  #attemptStarted(task: number, event: AttemptStartedEvent): void {
    const at = this.#since(event.at);
    const { tasks } = this;
    if (tasks.state[task] === stateCode.ready) this.series.change("ready", -1, at);
    this.retryAt.delete(task);
    this.#move(task, "running");
    if (tasks.readyAt[task] === -1) tasks.readyAt[task] = at;
    tasks.attempts[task] = event.attempt;
    tasks.startedAt[task] = at;
    tasks.endedAt[task] = -1;
    tasks.worker[task] = this.workers.index(cut(event.workerId, 100));
    if (event.resources !== undefined) this.#held.set(task, event.resources);
    this.#use(task, 1, at);
  }

  /** Gives back what a task holds while it waits for others, or takes it again. */
  #hold(task: number, to: "suspended" | "running", sign: 1 | -1, at: number): void {
    this.#move(task, to);
    this.#use(task, sign, at);
  }

  #use(task: number, sign: 1 | -1, at: number): void {
    this.series.change("slots", sign, at);
    const held = this.#held.get(task);
    for (const name in held) this.series.change(name, sign * held[name]!, at);
  }

  #attemptEnded(task: number, event: AttemptEndedEvent): void {
    const at = this.#since(event.at);
    const { tasks } = this;
    if (tasks.state[task] === stateCode.running) this.#use(task, -1, at);
    this.#held.delete(task);
    tasks.worker[task] = this.workers.index(cut(event.workerId, 100));
    tasks.endedAt[task] = at;
    const worth = event.error !== undefined || event.attempt > 1 || event.facts !== undefined;
    if (worth || event.resourceUsage !== undefined) this.#keepAttempt(task, event, at);
    if (event.retryAt === undefined) {
      // Its end follows at once; until then it neither runs nor waits.
      this.running.delete(task);
      return;
    }
    if (this.past.length < mostPast)
      this.past.push({ task, worker: tasks.worker[task]!, startedAt: tasks.startedAt[task]!, endedAt: at });
    this.retryAt.set(task, event.retryAt);
    if (event.error !== undefined) tasks.note[task] = this.notes.index(noteOf(event.error, event.reason, event.taskId));
    this.#move(task, "retrying");
  }

  #keepAttempt(task: number, event: AttemptEndedEvent, at: number): void {
    const { attempt, outcome, executionTime, retryAt, error } = event;
    this.details.addAttempt(task, {
      attempt,
      workerId: cut(event.workerId, 100),
      startedAt: this.tasks.startedAt[task]!,
      endedAt: at,
      outcome,
      executionTime,
      ...(retryAt !== undefined && { retryAt: this.#since(retryAt) }),
      ...(error !== undefined && { error: errorDetail(toErrorData(error)) }),
      facts: attemptFacts(event),
    });
  }

  #taskEnded(task: number, event: TaskEndedEvent): void {
    const at = this.#since(event.at);
    const { tasks } = this;
    if (tasks.state[task] === stateCode.ready) this.series.change("ready", -1, at);
    const ran = event.result.attempts > 0;
    this.#move(task, event.status);
    this.retryAt.delete(task);
    tasks.endedAt[task] = at;
    if (ran) this.series.count("ended each second", at);
    if (event.result.success) this.#succeeded(task, event.result.output, event.result.executionTime);
    else this.#unsuccessful(task, event.result.error, event.result.reason, event.taskId);
  }

  /** It ended before this process began: it has no place on the timeline, and says nothing of how fast this run is. */
  #taskRestored(task: number, { status, result, taskId }: TaskRestoredEvent): void {
    this.#move(task, status);
    this.tasks.attempts[task] = result.attempts;
    if (!result.success) return this.#unsuccessful(task, result.error, result.reason, taskId);
    this.tasks.note[task] = this.notes.index("done by an earlier process");
    this.#keepOutput(task, result.output);
  }

  #succeeded(task: number, output: unknown, seconds: number): void {
    this.tasks.note[task] = -1;
    this.lastEndAt = this.tasks.endedAt[task]!;
    const kind = this.tasks.kind[task]!;
    const durations = this.durations.get(kind) ?? { count: 0, sum: 0, longest: 0 };
    durations.count++;
    durations.sum += seconds;
    durations.longest = Math.max(durations.longest, seconds);
    this.durations.set(kind, durations);
    this.#keepOutput(task, output);
  }

  #keepOutput(task: number, output: unknown): void {
    if (output === undefined) return;
    const details = this.details.open(task);
    details.output = describeValue(output, mostOutput);
    this.details.grown(details, details.output.length);
  }

  #unsuccessful(task: number, error: Error, reason: FailureReason, taskId: string): void {
    const details = this.details.open(task);
    details.error = errorDetail(toErrorData(error));
    details.reason = describeReason(reason);
    this.details.grown(details, sizeOf(details.error) + details.reason.length);
    if (reason.kind === "dependency") {
      const root = this.tasks.number(reason.rootTaskId);
      if (root !== undefined) this.roots.set(task, root);
      this.tasks.note[task] = this.notes.index(`because of ${cut(reason.rootTaskId, 150)}`);
      return;
    }
    const note = this.notes.index(noteOf(error, reason, taskId));
    this.tasks.note[task] = note;
    const code = this.tasks.state[task];
    if (code !== stateCode.failed && code !== stateCode["timed-out"]) return;
    const group = this.failures.get(note) ?? { count: 0, tasks: [] };
    group.count++;
    if (group.tasks.length < 20) group.tasks.push(task);
    this.failures.set(note, group);
  }

  #runEnded(at: number): void {
    this.endedAt = at;
    this.series.advance(this.#since(at));
    const failed = this.#count("failed") + this.#count("timed-out");
    const ends = failed + this.#count("succeeded") + this.#count("skipped");
    const cancelled = this.state === "cancelling" && ends < this.tasks.size;
    this.state = cancelled ? "cancelled" : failed > 0 ? "failed" : "succeeded";
  }
}
