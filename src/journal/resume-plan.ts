/**
 * What of an earlier process's work stands, for the graph that there is now. Pure: two graphs and a history in, a plan out.
 *
 * A task stands if it is the same task (same id, work, rules, constants and dependencies), if everything that it depends on
 * stands, and if it ended in a way that counts: it succeeded or was skipped by its own condition or trigger; with `resume:
 * "unfinished"` also if it failed or timed out. Tasks that it added stand or fall with it, because only it can add them
 * again. A task that had begun and not ended goes on with its next attempt, under the same conditions.
 */
import { TaskIndex } from "../core/task-index.js";
import { isOrdered, topologicalOrder } from "../core/topology.js";
import type { JournalRequest, RerunCause, ResumeReport } from "../port/journal.js";
import type { History, RecordedTask } from "./history.js";
import type { GraphRecord } from "./record.js";

export interface ResumePlan {
  /** For each number from now on (the plan's tasks, then additions that stand) the number before, or -1. */
  readonly from: Int32Array;
  /** Tasks by new number that run again though they are the same: their attempts are counted on. */
  readonly again: Int32Array;
  /** Those among them whose inputs may be others now. */
  readonly withoutAdditions: Int32Array;
  /** Whether the graph is the same in every task, in the same order. */
  readonly sameGraph: boolean;
  readonly report: Omit<ResumeReport, "runId" | "folder" | "resumes">;
}

export function planResume(history: History, graph: GraphRecord, request: JournalRequest): ResumePlan {
  return new Planner(history, graph, request).plan();
}

/** What is found of a task of the graph. */
const verdict = { nothing: 0, stands: 1, goesOn: 2, again: 3, changed: 4 } as const;

class Planner {
  readonly #history: History;
  readonly #graph: GraphRecord;
  readonly #request: JournalRequest;
  readonly #old: Int32Array;
  readonly #verdicts: Uint8Array;
  readonly #children = new Map<number, number[]>();
  readonly #rerun: { readonly taskId: string; readonly cause: RerunCause; readonly detail: string }[] = [];
  /** Tasks because of whose dependencies what they did does not stand. */
  readonly #fallen: number[] = [];
  readonly #sameGraph: boolean;
  /** Numbers for the texts of the prints of both graphs, the same for the same text; -1 for one that is new. */
  readonly #texts: Int32Array;
  readonly #oldTexts: Int32Array;

  constructor(history: History, graph: GraphRecord, request: JournalRequest) {
    this.#history = history;
    this.#graph = graph;
    this.#request = request;
    this.#sameGraph = sameGraphs(history.graph!, graph);
    const count = graph.ids.length;
    this.#old = this.#sameGraph ? identity(count) : numbersIn(history.graph!.ids, graph.ids);
    const numbers = new Map<string, number>();
    this.#oldTexts = Int32Array.from(history.graph!.prints.texts, (text) => {
      const number = numbers.get(text) ?? numbers.size;
      numbers.set(text, number);
      return number;
    });
    this.#texts = Int32Array.from(graph.prints.texts, (text) => numbers.get(text) ?? -1);
    this.#verdicts = new Uint8Array(count);
    history.tasks.forEach((task, number) => {
      if (task === undefined || task.parent < 0) return;
      const siblings = this.#children.get(task.parent);
      if (siblings === undefined) this.#children.set(task.parent, [number]);
      else siblings.push(number);
    });
  }

  plan(): ResumePlan {
    const { dependencies, dependents } = this.#request;
    const count = this.#graph.ids.length;
    if (isOrdered(dependencies, count))
      for (let task = 0; task < count; task++) this.#verdicts[task] = this.#judge(task);
    else for (const task of topologicalOrder(dependencies, dependents, count)) this.#verdicts[task] = this.#judge(task);
    const additions: number[] = [];
    const again: number[] = [];
    const reused: string[] = [];
    const interrupted: string[] = [];
    const from = new Int32Array(count).fill(-1);
    for (let task = 0; task < count; task++) {
      const found = this.#verdicts[task];
      if (found === verdict.nothing || found === verdict.changed) continue;
      const old = this.#old[task]!;
      from[task] = old;
      if (found === verdict.again) again.push(task);
      else if (found === verdict.stands) {
        reused.push(this.#graph.ids[task]!);
        this.#collectAdditions(old, additions);
      } else interrupted.push(this.#graph.ids[task]!);
    }
    for (const number of additions) reused.push(this.#history.idOf(number));
    return {
      from: additions.length === 0 ? from : Int32Array.from([...from, ...additions]),
      again: Int32Array.from(again),
      withoutAdditions: Int32Array.from(this.#fallen),
      sameGraph: this.#sameGraph,
      report: {
        reused,
        rerun: this.#rerun,
        interrupted,
        unfinished: count - (reused.length - additions.length) - this.#rerun.length,
        dropped: this.#dropped(),
      },
    };
  }

  #judge(task: number): number {
    const old = this.#old[task]!;
    const past = old < 0 ? undefined : this.#history.tasks[old];
    if (past === undefined || (past.attempts === 0 && !past.decided && past.end === undefined)) return verdict.nothing;
    const change = this.#changeOf(task, old);
    if (change !== undefined) return this.#runsAgain(task, past, verdict.changed, "changed", change);
    const { end } = past;
    const upstream = this.#fallenDependency(task, past);
    if (upstream !== undefined) this.#fallen.push(task);
    if (upstream !== undefined)
      return this.#runsAgain(task, past, verdict.again, "upstream", `"${upstream}", which it depends on, runs again`);
    if (end === undefined) return verdict.goesOn;
    if (!this.#counts(past))
      return this.#runsAgain(task, past, verdict.again, "not-succeeded", `it ${words[end.status]}`);
    const open = this.#openAddition(old);
    if (open !== undefined) {
      const detail = `"${open}", which it added, had not ended`;
      return this.#runsAgain(task, past, verdict.again, "unfinished-additions", detail);
    }
    return verdict.stands;
  }

  #runsAgain(task: number, past: RecordedTask, found: number, cause: RerunCause, detail: string): number {
    if (past.end !== undefined) this.#rerun.push({ taskId: this.#graph.ids[task]!, cause, detail });
    return found;
  }

  /** Whether the way in which the task ended is one that stays. */
  #counts({ end }: RecordedTask): boolean {
    switch (end!.status) {
      case "succeeded":
      case "skipped":
        return true;
      case "failed":
      case "timed-out":
        return this.#request.resume === "unfinished";
      case "cancelled":
        return false;
    }
  }

  /** A dependency because of which what the task gave does not stand. */
  #fallenDependency(task: number, { end }: RecordedTask): string | undefined {
    const { offsets, targets } = this.#graph;
    // One bad dependency is enough for a skip, whatever becomes of the others.
    const only = end?.reason?.kind === "dependency" ? end.reason.taskId : undefined;
    for (let edge = offsets[task]!; edge < offsets[task + 1]!; edge++) {
      const dependency = targets[edge]!;
      if (this.#verdicts[dependency] === verdict.stands) continue;
      const id = this.#graph.ids[dependency]!;
      if (only === undefined || only === id) return id;
    }
    return undefined;
  }

  #changeOf(task: number, old: number): string | undefined {
    if (this.#sameGraph) return undefined;
    const before = this.#history.graph!;
    const { prints } = this.#graph;
    const changes: string[] = [];
    for (const part of printParts)
      if (this.#texts[prints[part][task]!] !== this.#oldTexts[before.prints[part][old]!])
        changes.push(changeWords[part]);
    if (!this.#sameDependencies(task, before, old)) changes.push("what it depends on");
    return changes.length === 0 ? undefined : `${changes.join(" and ")} changed`;
  }

  #sameDependencies(task: number, before: GraphRecord, old: number): boolean {
    const { offsets, targets } = this.#graph;
    const start = offsets[task]!;
    const oldStart = before.offsets[old]!;
    const count = offsets[task + 1]! - start;
    if (before.offsets[old + 1]! - oldStart !== count) return false;
    for (let edge = 0; edge < count; edge++)
      if (this.#old[targets[start + edge]!] !== before.targets[oldStart + edge]) return false;
    return true;
  }

  /** A task that this one added, or that such a one added, and that has not ended. */
  #openAddition(old: number): string | undefined {
    for (const child of this.#children.get(old) ?? []) {
      if (this.#history.tasks[child]!.end === undefined) return this.#history.idOf(child);
      const open = this.#openAddition(child);
      if (open !== undefined) return open;
    }
    return undefined;
  }

  #collectAdditions(old: number, into: number[]): void {
    for (const child of this.#children.get(old) ?? []) {
      into.push(child);
      this.#collectAdditions(child, into);
    }
  }

  #dropped(): string[] {
    if (this.#sameGraph) return [];
    const kept = new Uint8Array(this.#history.planCount);
    for (const old of this.#old) if (old >= 0) kept[old] = 1;
    return this.#history.graph!.ids.filter((_, old) => kept[old] === 0 && this.#history.tasks[old] !== undefined);
  }
}

function identity(count: number): Int32Array {
  const numbers = new Int32Array(count);
  for (let number = 0; number < count; number++) numbers[number] = number;
  return numbers;
}

/** The places of `wanted` among `ids`, -1 for one that is not there. Most graphs that differ begin alike. */
function numbersIn(ids: readonly string[], wanted: readonly string[]): Int32Array {
  const numbers = new Int32Array(wanted.length);
  let alike = 0;
  for (; alike < wanted.length && wanted[alike] === ids[alike]; alike++) numbers[alike] = alike;
  const index = new TaskIndex(ids.length - alike);
  for (let number = alike; number < ids.length; number++) index.add(ids[number]!);
  index.readNumbers(wanted.slice(alike), numbers, alike);
  for (let place = alike; place < wanted.length; place++) if (numbers[place]! >= 0) numbers[place]! += alike;
  return numbers;
}

const words = {
  succeeded: "succeeded",
  failed: "failed",
  "timed-out": "timed out",
  cancelled: "was cancelled",
  skipped: "was skipped",
} as const;

const printParts = ["work", "rules", "constants"] as const;

const changeWords = {
  work: "its work",
  rules: "its name, inputs, trigger, condition or sandbox",
  constants: "its constants",
} as const;

/** Whether two graphs are the same in every task, in the same order. */
function sameGraphs(left: GraphRecord, right: GraphRecord): boolean {
  return (
    sameList(left.ids, right.ids) &&
    sameList(left.offsets, right.offsets) &&
    sameList(left.targets, right.targets) &&
    sameList(left.prints.texts, right.prints.texts) &&
    sameList(left.prints.work, right.prints.work) &&
    sameList(left.prints.rules, right.prints.rules) &&
    sameList(left.prints.constants, right.prints.constants)
  );
}

function sameList<Item>(left: ArrayLike<Item>, right: ArrayLike<Item>): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
