/** What a watcher wants to know in two seconds: what runs, what is stuck, what failed and why, and what holds it back. */
import { formatBytes } from "../../model/units.js";
import { duration } from "../duration.js";
import { type FailureGroup, type Glance, type Holding, stateCode } from "../protocol.js";
import type { RunModel } from "./run-model.js";
import { cut } from "./text.js";

const mostRunning = 8;
const mostFailures = 8;
/** Steps of a walk over what waits behind a task. */
const mostSteps = 50_000;
/** A task is slow beyond so many times the longest of its kind, and not before so many seconds. */
const slowFactor = 2;
const slowSeconds = 5;
/** Of its limit, from which on a resource is taken to be what tasks wait for. */
const nearlyAll = 0.9;

/** @param now milliseconds since the epoch: the last event's time in a replay */
export function glanceAt(model: RunModel, now: number): Glance {
  const at = now - model.startedAt;
  const remaining = remainingSeconds(model, at);
  return {
    holding: holdingBack(model, at),
    running: longestRunning(model, at),
    failures: failureGroups(model),
    ...(remaining !== undefined && { remaining }),
  };
}

function longestRunning(model: RunModel, at: number): Glance["running"] {
  const { startedAt } = model.tasks;
  const known: { task: number; slow?: string }[] = [];
  for (const task of model.running) {
    const slow = slowness(model, task, at);
    known.push(slow === undefined ? { task } : { task, slow });
  }
  known.sort(
    (left, right) =>
      Number(right.slow !== undefined) - Number(left.slow !== undefined) ||
      startedAt[left.task]! - startedAt[right.task]!,
  );
  return known.slice(0, mostRunning).map((entry) => {
    const told = model.details.get(entry.task)?.told;
    return told === undefined ? entry : { ...entry, told };
  });
}

/** How much longer than others of its kind a task runs, in words. */
function slowness(model: RunModel, task: number, at: number): string | undefined {
  const seconds = (at - model.tasks.startedAt[task]!) / 1000;
  const kind = model.durations.get(model.tasks.kind[task]!);
  if (kind === undefined || kind.count < 3 || seconds < slowSeconds) return undefined;
  if (seconds < slowFactor * kind.longest) return undefined;
  return `the longest of ${kind.count} others took ${duration(kind.longest * 1000)}`;
}

function failureGroups({ failures, notes }: RunModel): FailureGroup[] {
  return [...failures]
    .sort(([, left], [, right]) => right.count - left.count)
    .slice(0, mostFailures)
    .map(([note, { count, tasks }]) => ({ message: notes.texts[note]!, count, tasks }));
}

/** What holds a run back at a moment, in one sentence. */
export function holdingBack(model: RunModel, at: number): Holding {
  if (model.ended) return ended(model);
  if (model.state === "waiting") return { kind: "nothing", sentence: "The run has not started.", tasks: [] };
  if (model.state === "cancelling") {
    const running = counted(model.running.size, "attempt");
    return { kind: "stopping", sentence: `Stopping: ${running} to end.`, tasks: [...model.running].slice(0, 5) };
  }
  const ready = model.countOf("ready");
  if (ready > 0) return waitingForLimits(model, ready);
  const retrying = nextRetry(model, at);
  if (model.running.size === 0 && retrying !== undefined) return retrying;
  const waiting = model.countOf("waiting");
  if (waiting > 0 && model.running.size > 0) return waitingForTasks(model, waiting, at);
  if (model.running.size > 0) {
    const all = model.running.size === 1 ? "The last task runs" : `The last ${model.running.size} tasks run`;
    return { kind: "nothing", sentence: `${all}; nothing waits.`, tasks: longest(model, 3) };
  }
  return { kind: "nothing", sentence: "Nothing runs at this moment.", tasks: [] };
}

function waitingForLimits(model: RunModel, ready: number): Holding {
  const tasks = `${counted(ready, "task")} could start and ${ready === 1 ? "waits" : "wait"}`;
  const { slots = 0, ...resources } = model.limits;
  const used = model.series.level("slots");
  if (slots > 0 && used >= slots)
    return { kind: "slots", sentence: `${tasks} for a slot: all ${slots} are in use.`, tasks: longest(model, 3) };
  const [fullest] = Object.entries(resources)
    .map(([name, limit]) => ({ name, limit, used: model.series.level(name) }))
    .filter((resource) => resource.used > 0)
    .sort((left, right) => right.used / right.limit - left.used / left.limit);
  if (fullest === undefined || model.running.size === 0)
    return { kind: "nothing", sentence: `${counted(ready, "task")} about to start.`, tasks: [] };
  const amounts = `${amount(fullest.name, fullest.used)} of ${amount(fullest.name, fullest.limit)} are held`;
  const near = fullest.used / fullest.limit >= nearlyAll ? "" : ", and what is left does not fit";
  const sentence = `${tasks} for ${fullest.name === "cpu" ? "CPU" : cut(fullest.name, 60)}: ${amounts}${near}.`;
  return { kind: "resource", sentence, tasks: longest(model, 3) };
}

function amount(name: string, value: number): string {
  if (name === "memory") return formatBytes(value);
  return name === "cpu" ? `${value} cores` : String(value);
}

function nextRetry(model: RunModel, at: number): Holding | undefined {
  let task = -1;
  for (const [other, retryAt] of model.retryAt) if (task < 0 || retryAt < model.retryAt.get(task)!) task = other;
  if (task < 0) return undefined;
  const left = Math.max(0, Math.round((model.retryAt.get(task)! - model.startedAt - at) / 1000));
  const others = model.retryAt.size === 1 ? "" : ` (and ${model.retryAt.size - 1} more)`;
  const note = model.notes.texts[model.tasks.note[task]!];
  const why = note === undefined ? "" : ` after: ${note}`;
  const sentence = `Waiting ${left} s for the next attempt of ${idOf(model, task)}${others}${why}`;
  return { kind: "retry", sentence, tasks: [task] };
}

function waitingForTasks(model: RunModel, waiting: number, at: number): Holding {
  const { task, behind, whole } = mostBehind(model);
  const since = duration(Math.round((at - model.tasks.startedAt[task]!) / 1000) * 1000);
  const runs = `${idOf(model, task)}, which has been running for ${since}`;
  const sentence =
    behind === 0
      ? `${counted(waiting, "task")} ${waiting === 1 ? "waits" : "wait"} for what runs; slots are free.`
      : `${howMany(behind, waiting, whole)} ${behind === 1 ? "needs" : "need"} ${runs}; slots are free.`;
  return { kind: "dependencies", sentence, tasks: [task] };
}

function howMany(behind: number, waiting: number, whole: boolean): string {
  if (behind === waiting && waiting === 2) return "Both tasks that wait";
  if (behind === waiting)
    return waiting === 1 ? "The task that waits" : `All ${waiting.toLocaleString("en")} tasks that wait`;
  return `${whole ? "" : "At least "}${behind.toLocaleString("en")} of ${counted(waiting, "waiting task")}`;
}

/** Of what has been running longest, the task with most tasks waiting behind it. */
function mostBehind(model: RunModel): { task: number; behind: number; whole: boolean } {
  let best = { task: -1, behind: -1, whole: true };
  for (const task of longest(model, 4)) {
    const { size, whole } = waitingBehind(model, task);
    if (size > best.behind) best = { task, behind: size, whole };
  }
  return best;
}

function waitingBehind({ tasks }: RunModel, task: number): { size: number; whole: boolean } {
  const reached = new Set<number>([task]);
  let steps = 0;
  for (const next of reached) {
    for (const dependent of tasks.dependents(next)) {
      if (++steps > mostSteps) return { size: reached.size - 1, whole: false };
      if (tasks.state[dependent] === stateCode.waiting) reached.add(dependent);
    }
  }
  return { size: reached.size - 1, whole: true };
}

function longest({ running, tasks }: RunModel, most: number): number[] {
  return [...running].sort((left, right) => tasks.startedAt[left]! - tasks.startedAt[right]!).slice(0, most);
}

function ended(model: RunModel): Holding {
  const failed = model.countOf("failed") + model.countOf("timed-out");
  const skipped = model.countOf("skipped");
  const took = duration(model.endedAt! - model.startedAt);
  if (model.state === "succeeded") return { kind: "ended", sentence: `All done in ${took}.`, tasks: [] };
  const [first] = failureGroups(model);
  const why = first === undefined ? "" : ` First among them: ${idOf(model, first.tasks[0]!)}: ${first.message}`;
  const told = [
    failed > 0 ? `${counted(failed, "task")} failed` : "",
    skipped > 0 ? `${skipped.toLocaleString("en")} skipped` : "",
    model.countOf("cancelled") > 0 ? `${model.countOf("cancelled").toLocaleString("en")} cancelled` : "",
  ].filter((part) => part !== "");
  return { kind: "ended", sentence: `Ended after ${took}: ${told.join(", ")}.${why}`, tasks: first?.tasks ?? [] };
}

function idOf(model: RunModel, task: number): string {
  return cut(model.tasks.ids[task]!, 120);
}

function counted(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

/** Seconds left at the pace so far. */
function remainingSeconds(model: RunModel, at: number): number | undefined {
  if (model.state !== "running") return undefined;
  let done = 0;
  for (const { count } of model.durations.values()) done += count;
  const left = model.countOf("waiting") + model.countOf("ready") + model.countOf("running") + model.countOf("retrying");
  if (done < 3 || left === 0 || at < 500) return undefined;
  // Where nothing has ended for a long time, the pace so far tells nothing.
  if (at - model.lastEndAt > Math.max(3000, (4 * at) / done)) return undefined;
  return (at / 1000 / done) * left;
}
