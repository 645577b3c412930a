/**
 * The pure scheduler: a state machine that is told what happened (`SchedulerEvent`) and answers what to do
 * (`SchedulerEffect`). It reads no clock, makes no random number, awaits nothing and touches nothing outside, so the
 * same events always give the same effects, and the same core drives real runs, simulations and tests.
 *
 *     waiting -> [deciding] -> ready -> running -> succeeded
 *                                ^        |  \-> suspended -> resuming -> running
 *                                |        |-> aborting -> timed-out | cancelled | delayed
 *                                |        '-> failed | delayed
 *                                '--------------------- delayed
 *     any state but an end -> cancelled, and waiting or deciding -> skipped
 *
 * Each move is a function with the move in its name. A move that ends a task goes through `#end`, which tells the
 * dependents; a cascade of skips is a work list, not recursion, so that a chain of a million tasks is no danger.
 * Every event is followed by `#settle`: start what fits, name the next wake-up, notice the end of the run.
 *
 * Over 400 lines, because the moves of one state machine are to be read side by side: each may run into any other.
 */
import { assertNever } from "../model/error.js";
import { Admission } from "./admission.js";
import { EffectList, TimerHeap } from "./containers.js";
import type { CancelCause, EndReason } from "./effect.js";
import type { SchedulerEvent } from "./event.js";
import type { TaskPast } from "./past.js";
import type { Demand, Limits, Plan, TaskDefinition } from "./plan.js";
import { type Policy, retryDelayMs, Trigger } from "./policy.js";
import { type EndState, isEnd, stateName, statusOf, TaskState, TaskTable } from "./task-table.js";

export interface SchedulerOptions {
  readonly limits: Limits;
  readonly failurePolicy: "continue" | "fail-fast";
  /** Whether all tasks are in the plan; `false` keeps the run open until `input-closed`. Default `true`. */
  readonly inputClosed?: boolean;
  /** Sets `tellsReady`, and `tellsSuccess` to `"effect"`. Default `false`. */
  readonly observed?: boolean;
}

type AbortCause =
  | { readonly kind: "timeout"; readonly scope: "attempt" | "total" }
  | { readonly kind: "cancelled"; readonly by: CancelCause };

export class Scheduler {
  readonly table: TaskTable;
  readonly admission: Admission;
  readonly #failFast: boolean;
  /** Whether `task-ready` effects are wanted. */
  tellsReady: boolean;
  /** How successes of the plan's tasks are told; all other ends are told by `task-ended` effects. */
  tellsSuccess: "nothing" | "number" | "effect";
  readonly #timers = new TimerHeap();
  #armedFor = Number.POSITIVE_INFINITY;
  /** Whether no task of the plan has a policy, or a past, that matters to a start or an end. */
  #plain: boolean;
  /** Why attempts are being aborted. */
  readonly #aborts = new Map<number, AbortCause>();
  /** Aborting attempts that were suspended and so hold nothing. */
  readonly #empty = new Set<number>();
  /** Tasks to end, with why: the work list of a cascade. */
  readonly #toEnd: { task: number; state: EndState; reason: EndReason }[] = [];
  /** What is left to do of tasks that an earlier process had begun. */
  readonly #pasts = new Map<number, TaskPast>();
  /** Tasks whose times are counted from their next start. */
  readonly #anew = new Set<number>();
  /** Tasks that ended in an earlier process, and not with success. */
  readonly #endedBadly: number[] = [];
  #cancelledBy: CancelCause | undefined;
  #live: number;
  #started = false;
  #halted = false;
  #ended = false;
  #inputClosed: boolean;
  #effects = new EffectList();

  constructor(plan: Plan, options: SchedulerOptions) {
    this.table = new TaskTable(plan);
    this.admission = new Admission(plan, options.limits, this.table.before, this.table.outranks);
    this.#failFast = options.failurePolicy === "fail-fast";
    this.#inputClosed = options.inputClosed ?? true;
    this.tellsReady = options.observed ?? false;
    this.tellsSuccess = options.observed === true ? "effect" : "nothing";
    this.#live = plan.count;
    this.#plain = plan.policies.length === 1 && isPlain(plan.policies[0]!);
  }

  /** Tasks that have not ended. */
  get live(): number {
    return this.#live;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether all tasks from outside have come. */
  get inputClosed(): boolean {
    return this.#inputClosed;
  }

  /** Why the task's attempt is being aborted; `undefined` where it is not. */
  abortedFor(task: number): AbortCause["kind"] | undefined {
    return this.#aborts.get(task)?.kind;
  }

  /** Whether an attempt of the task holds a slot and resources now. */
  holds(task: number): boolean {
    const state = this.table.state[task];
    return state === TaskState.running || (state === TaskState.aborting && !this.#empty.has(task));
  }

  /** Whether no attempt runs or is being aborted. */
  get idle(): boolean {
    return this.admission.running === 0 && this.#empty.size === 0;
  }

  /** Takes one event and appends what is to be done to `effects`. */
  handle(event: SchedulerEvent, effects: EffectList): void {
    this.#effects = effects;
    this.#apply(event);
    if (this.#toEnd.length > 0) this.#endAll(event.at);
    this.#settle(event.at);
  }

  #apply(event: SchedulerEvent): void {
    switch (event.type) {
      case "attempt-succeeded":
        if (this.#isCurrent(event.task, event.attempt)) this.#attemptSucceeded(event.task, event.at);
        return;
      case "attempt-failed":
        if (this.#isCurrent(event.task, event.attempt))
          this.#attemptFailed(event.task, event.at, event.retryable, event.random);
        return;
      case "attempt-lost":
        if (this.#isCurrent(event.task, event.attempt)) this.#attemptLost(event.task, event.at, event.random);
        return;
      case "attempt-stopped":
        if (this.#isCurrent(event.task, event.attempt))
          this.#attemptStopped(event.task, event.at, event.retryable, event.random);
        return;
      case "attempt-started":
        if (this.#isCurrent(event.task, event.attempt) && this.table.state[event.task] === TaskState.running)
          this.#startClock(event.task, event.at);
        return;
      case "condition-decided":
        if (this.table.state[event.task] === TaskState.deciding) this.#decided(event.task, event.verdict, event.at);
        return;
      case "clock-reached":
        this.#clockReached(event.at);
        return;
      case "tasks-added":
        this.#add(event.tasks, event.parent, event.at);
        return;
      case "task-suspended":
        if (this.table.state[event.task] === TaskState.running) this.#runningToSuspended(event.task);
        return;
      case "resume-requested":
        if (this.table.state[event.task] === TaskState.suspended) this.#suspendedToResuming(event.task);
        return;
      case "task-cancelled":
        if (!isEnd(this.table.state[event.task]!)) this.#cancel(event.task, "caller");
        return;
      case "run-cancelled":
        this.#cancelAll(event.by);
        return;
      case "run-started":
        this.#start(event.at);
        return;
      case "task-restored":
        if (this.table.state[event.task] === TaskState.waiting) this.#restore(event.task, event.past);
        return;
      case "run-halted":
        this.#halted = true;
        return;
      case "input-closed":
        this.#inputClosed = true;
        return;
      default:
        assertNever(event);
    }
  }

  /** Starts what fits, names the next wake-up, and notices the end of the run. */
  #settle(at: number): void {
    for (let task = this.#next(); task >= 0; task = this.#next()) {
      if (this.table.state[task] === TaskState.resuming) this.#resumingToRunning(task);
      else this.#readyToRunning(task, at);
    }
    const wake = this.#timers.firstTime();
    if (wake < this.#armedFor) {
      this.#armedFor = wake;
      this.#effects.push({ type: "wake-at", at: wake });
    }
    if (this.#live === 0 && this.#started && this.#inputClosed && !this.#ended) {
      this.#ended = true;
      this.#effects.push({ type: "run-ended", at });
    }
  }

  #next(): number {
    return this.#halted ? -1 : this.admission.next();
  }

  /** Whether the attempt is the task's last and has not ended: anything else comes too late and is dropped. */
  #isCurrent(task: number, attempt: number): boolean {
    const state = this.table.state[task]!;
    const active =
      state === TaskState.running ||
      state === TaskState.aborting ||
      state === TaskState.suspended ||
      state === TaskState.resuming;
    return active && this.table.attempts[task] === attempt;
  }

  #start(at: number): void {
    this.#started = true;
    for (const task of this.#endedBadly) this.#endPast(task, at);
    for (let task = 0; task < this.table.planCount; task++) {
      if (this.table.waitingOn[task] === 0 && this.table.state[task] === TaskState.waiting)
        this.#dependenciesEnded(task, at);
    }
  }

  // What was done before.

  /** Takes over what an earlier process did. Nothing starts by it: that is for `#start`, when all is known. */
  #restore(task: number, past: TaskPast): void {
    const { table } = this;
    table.attempts[task] = past.attempts;
    table.readyAt[task] = past.readyAt;
    table.startedAt[task] = past.startedAt;
    if (past.attempts > 1 && past.firstStartedAt > 0) table.firstStartedAt.set(task, past.firstStartedAt);
    if (past.uncharged > 0) table.uncharged.set(task, past.uncharged);
    if (past.lost) table.losses.set(task, 1);
    if (past.end === undefined) {
      this.#plain = false;
      this.#pasts.set(task, past);
      return;
    }
    const { state, at, root = task } = past.end;
    table.state[task] = state;
    table.endedAt[task] = at;
    table.ends[state - TaskState.succeeded]!++;
    this.#live--;
    if (state !== TaskState.succeeded) {
      table.roots.set(task, root);
      this.#endedBadly.push(task);
    } else if (task < table.planCount) {
      const end = table.dependentOffsets[task + 1]!;
      for (let edge = table.dependentOffsets[task]!; edge < end; edge++)
        table.waitingOn[table.dependentTargets[edge]!]!--;
    }
  }

  /** Tells the dependents of a task that ended in an earlier process without success. */
  #endPast(task: number, at: number): void {
    const root = this.table.roots.get(task)!;
    if (this.table.state[root] !== TaskState.skipped) this.table.tainted.add(task);
    this.#skipDependents(task, root, at);
  }

  /** A task that had been begun may start: its last failure is looked at as it was when it happened. */
  #continuePast(task: number, past: TaskPast, at: number): void {
    this.#pasts.delete(task);
    const { failure } = past;
    // The machine's clock may have been set back since: no time is waited for that has passed.
    if ((this.table.firstStartedAt.get(task) ?? at) > at) this.table.firstStartedAt.set(task, at);
    const failedAt = Math.min(failure?.at ?? at, at);
    if (past.firstStartedAt === 0) {
      this.table.readyAt[task] = at;
      this.#anew.add(task);
    }
    if (failure === undefined) this.#toReady(task, at);
    else if (failure.timedOut) {
      const { timeoutMs } = this.table.policy(task);
      const reason = { kind: "timeout", scope: "attempt", limitMs: timeoutMs } as const;
      this.#retryOrEnd(task, failedAt, failure.retryable, failure.random, TaskState.timedOut, reason);
    } else this.#retryOrEnd(task, failedAt, failure.retryable, failure.random, TaskState.failed, { kind: "attempt" });
  }

  // Moves towards a start.

  #dependenciesEnded(task: number, at: number): void {
    if (this.#plain && task < this.table.planCount) {
      this.#toReady(task, at);
      return;
    }
    const past = this.#pasts.get(task);
    if (past !== undefined && (past.attempts > 0 || past.decided)) {
      this.#continuePast(task, past, at);
      return;
    }
    const policy = this.table.policy(task);
    if (policy.trigger === Trigger.anyFailed && !this.#anyTainted(task))
      this.#toEnd.push({ task, state: TaskState.skipped, reason: { kind: "trigger" } });
    else if (policy.conditional) this.#waitingToDeciding(task);
    else this.#toReady(task, at);
  }

  #anyTainted(task: number): boolean {
    for (const dependency of this.table.dependenciesOf(task)) if (this.table.tainted.has(dependency)) return true;
    return false;
  }

  #waitingToDeciding(task: number): void {
    this.table.state[task] = TaskState.deciding;
    this.#effects.push({ type: "decide", task });
  }

  #decided(task: number, verdict: "run" | "skip" | "error", at: number): void {
    if (verdict === "run") this.#toReady(task, at);
    else if (verdict === "skip") this.#toEnd.push({ task, state: TaskState.skipped, reason: { kind: "condition" } });
    else this.#toEnd.push({ task, state: TaskState.failed, reason: { kind: "condition-error" } });
  }

  #toReady(task: number, at: number): void {
    this.table.state[task] = TaskState.ready;
    if (this.table.attempts[task] === 0) this.table.readyAt[task] = at;
    this.admission.push(task);
    if (this.tellsReady) this.#effects.push({ type: "task-ready", task, at });
  }

  #readyToRunning(task: number, at: number): void {
    const { table } = this;
    table.state[task] = TaskState.running;
    const attempt = ++table.attempts[task]!;
    if (attempt === 2) table.firstStartedAt.set(task, table.startedAt[task]!);
    table.startedAt[task] = at;
    if (this.#anew.size > 0 && this.#anew.delete(task)) table.firstStartedAt.set(task, at);
    if (!this.#plain || task >= table.planCount) {
      const policy = table.policy(task);
      if (policy.reportsStart) this.#timers.delete(task);
      else this.#setDeadline(task, policy, at);
    }
    this.#effects.push({ type: "start-attempt", task, attempt });
  }

  /** The attempt of a runner that reports its start begins: what went before was queueing. */
  #startClock(task: number, at: number): void {
    this.table.startedAt[task] = at;
    this.#setDeadline(task, this.table.policy(task), at);
  }

  #setDeadline(task: number, policy: Policy, at: number): void {
    const deadline = Math.min(at + policy.timeoutMs, this.#totalDeadline(task, policy));
    if (deadline < Number.POSITIVE_INFINITY) this.#timers.set(task, deadline);
  }

  #totalDeadline(task: number, policy: Policy): number {
    if (policy.totalTimeoutMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    return (this.table.firstStartedAt.get(task) ?? this.table.startedAt[task]!) + policy.totalTimeoutMs;
  }

  // Moves of a running attempt.

  #attemptSucceeded(task: number, at: number): void {
    if (this.table.state[task] === TaskState.aborting) {
      this.#attemptStopped(task, at, false, 0);
      return;
    }
    this.#leaveAttempt(task);
    this.#end(task, TaskState.succeeded, undefined, at);
  }

  #attemptFailed(task: number, at: number, retryable: boolean, random: number): void {
    if (this.table.state[task] === TaskState.aborting) {
      this.#attemptStopped(task, at, retryable, random);
      return;
    }
    this.#leaveAttempt(task);
    this.#retryOrEnd(task, at, retryable, random, TaskState.failed, { kind: "attempt" });
  }

  #attemptLost(task: number, at: number, random: number): void {
    if (this.table.state[task] === TaskState.aborting) {
      this.#attemptStopped(task, at, true, random);
      return;
    }
    const losses = this.table.losses.get(task) ?? 0;
    if (losses > 0) {
      this.#attemptFailed(task, at, true, random);
      return;
    }
    this.table.losses.set(task, 1);
    this.#leaveAttempt(task);
    this.#effects.push({
      type: "retry-scheduled",
      task,
      attempt: this.table.attempts[task]!,
      retryAt: at,
      charged: false,
    });
    this.#toReady(task, at);
  }

  #attemptStopped(task: number, at: number, retryable: boolean, random: number): void {
    const cause = this.#aborts.get(task) ?? { kind: "cancelled", by: "shutdown" };
    const { timeoutMs, totalTimeoutMs } = this.table.policy(task);
    this.#leaveAttempt(task);
    if (cause.kind === "cancelled") this.#toEnd.push({ task, state: TaskState.cancelled, reason: cause });
    else if (cause.scope === "total")
      this.#toEnd.push({ task, state: TaskState.timedOut, reason: { ...cause, limitMs: totalTimeoutMs } });
    else this.#retryOrEnd(task, at, retryable, random, TaskState.timedOut, { ...cause, limitMs: timeoutMs });
  }

  /** Gives back all that the attempt held. */
  #leaveAttempt(task: number): void {
    const state = this.table.state[task];
    if (state === TaskState.running) this.admission.release(task);
    else if (state === TaskState.resuming) this.admission.remove(task);
    else if (state === TaskState.aborting) {
      this.#aborts.delete(task);
      if (!this.#empty.delete(task)) this.admission.release(task);
    }
    if (this.#timers.size > 0) this.#timers.delete(task);
  }

  #retryOrEnd(task: number, at: number, retryable: boolean, random: number, state: EndState, reason: EndReason): void {
    const policy = this.table.policy(task);
    const { attempts, losses, uncharged } = this.table;
    const failures = attempts[task]! - (losses.get(task) ?? 0) - (uncharged.get(task) ?? 0);
    const retryAt = at + retryDelayMs(policy, failures, random);
    // A delay that would outlast the total limit is not waited for: the failure is told now.
    const again =
      retryable &&
      failures < policy.maxAttempts &&
      retryAt < this.#totalDeadline(task, policy) &&
      this.#cancelledBy !== "caller";
    if (again) this.#toDelayed(task, at, retryAt, policy);
    else this.#toEnd.push({ task, state, reason });
  }

  #toDelayed(task: number, at: number, retryAt: number, policy: Policy): void {
    this.#cancelChildren(task);
    this.#effects.push({ type: "retry-scheduled", task, attempt: this.table.attempts[task]!, retryAt, charged: true });
    if (retryAt <= at) {
      this.#toReady(task, at);
      this.#setTotalDeadline(task, policy);
      return;
    }
    this.table.state[task] = TaskState.delayed;
    this.#timers.set(task, retryAt);
  }

  #delayedToReady(task: number, at: number): void {
    this.#toReady(task, at);
    this.#setTotalDeadline(task, this.table.policy(task));
  }

  #setTotalDeadline(task: number, policy: Policy): void {
    const deadline = this.#totalDeadline(task, policy);
    if (deadline < Number.POSITIVE_INFINITY) this.#timers.set(task, deadline);
  }

  #runningToSuspended(task: number): void {
    this.table.state[task] = TaskState.suspended;
    this.admission.release(task);
  }

  #suspendedToResuming(task: number): void {
    this.table.state[task] = TaskState.resuming;
    this.admission.pushResuming(task);
  }

  #resumingToRunning(task: number): void {
    this.table.state[task] = TaskState.running;
    this.#effects.push({ type: "resume-task", task });
  }

  #clockReached(at: number): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    while (this.#timers.firstTime() <= at) {
      const task = this.#timers.firstTask();
      this.#timers.delete(task);
      this.#expire(task, at);
    }
  }

  #expire(task: number, at: number): void {
    const state = this.table.state[task];
    const policy = this.table.policy(task);
    if (state === TaskState.delayed) this.#delayedToReady(task, at);
    else if (state === TaskState.ready) {
      this.#toEnd.push({
        task,
        state: TaskState.timedOut,
        reason: { kind: "timeout", scope: "total", limitMs: policy.totalTimeoutMs },
      });
    } else if (state !== TaskState.aborting) {
      const scope = this.#totalDeadline(task, policy) <= at ? "total" : "attempt";
      this.#toAborting(task, { kind: "timeout", scope });
    }
  }

  #toAborting(task: number, cause: AbortCause): void {
    const state = this.table.state[task];
    if (state === TaskState.resuming) this.admission.remove(task);
    if (state !== TaskState.running) this.#empty.add(task);
    this.table.state[task] = TaskState.aborting;
    this.#aborts.set(task, cause);
    this.#timers.delete(task);
    const because = cause.kind === "timeout" ? "timeout" : "cancelled";
    this.#effects.push({ type: "abort-attempt", task, attempt: this.table.attempts[task]!, because });
  }

  // Ends.

  #cancel(task: number, by: CancelCause): void {
    const state = this.table.state[task]! as TaskState;
    switch (state) {
      case TaskState.running:
      case TaskState.suspended:
      case TaskState.resuming:
        this.#toAborting(task, { kind: "cancelled", by });
        return;
      case TaskState.aborting:
        this.#aborts.set(task, { kind: "cancelled", by });
        return;
      case TaskState.ready:
      case TaskState.waiting:
      case TaskState.deciding:
      case TaskState.delayed:
        break;
      default:
        throw new Error(`task ${task} cannot be cancelled in state ${stateName(state)}`);
    }
    this.#timers.delete(task);
    this.#toEnd.push({ task, state: TaskState.cancelled, reason: { kind: "cancelled", by } });
  }

  #cancelAll(by: CancelCause): void {
    if (this.#cancelledBy !== undefined && this.#cancelledBy !== "fail-fast") return;
    this.#cancelledBy = by;
    for (let task = 0; task < this.table.count; task++) {
      if (isEnd(this.table.state[task]!)) continue;
      // Clean-up and alerts are what fail-fast is to leave running.
      if (by === "fail-fast" && this.#isCleanup(task)) continue;
      this.#cancel(task, by);
    }
  }

  #isCleanup(task: number): boolean {
    return this.table.policy(task).trigger !== Trigger.allSucceeded;
  }

  #cancelChildren(task: number): void {
    const children = this.table.children.get(task);
    if (children === undefined) return;
    for (const child of [...children]) if (!isEnd(this.table.state[child]!)) this.#cancel(child, "parent");
  }

  /** Ends the tasks of the work list, and those that their ends bring to an end. */
  #endAll(at: number): void {
    for (let next = this.#toEnd.pop(); next !== undefined; next = this.#toEnd.pop()) {
      if (!isEnd(this.table.state[next.task]!)) this.#end(next.task, next.state, next.reason, at);
    }
  }

  #end(task: number, state: EndState, reason: EndReason | undefined, at: number): void {
    const { table } = this;
    // It may have become ready after its end was decided.
    const wasReady = table.state[task] === TaskState.ready;
    if (wasReady) this.admission.remove(task);
    table.state[task] = state;
    table.endedAt[task] = at;
    table.ends[state - TaskState.succeeded]!++;
    this.#live--;
    if (state !== TaskState.succeeded || this.tellsSuccess === "effect" || task >= table.planCount) {
      this.#effects.push({ type: "task-ended", task, status: statusOf(state), reason, wasReady, at });
    } else if (this.tellsSuccess === "number") this.#effects.pushSuccess(task);
    if (state === TaskState.succeeded) this.#wakeDependents(task, at);
    else this.#endWithoutSuccess(task, state, reason, at);
    if (task >= table.planCount) this.#leaveFamily(task);
  }

  #endWithoutSuccess(task: number, state: EndState, reason: EndReason | undefined, at: number): void {
    const root = reason?.kind === "dependency" ? reason.root : task;
    this.table.roots.set(task, root);
    if (state !== TaskState.skipped || (reason?.kind === "dependency" && this.table.tainted.has(reason.task)))
      this.table.tainted.add(task);
    this.#cancelChildren(task);
    this.#skipDependents(task, root, at);
    const failed = state === TaskState.failed || state === TaskState.timedOut;
    if (failed && this.#failFast && this.#cancelledBy === undefined) {
      this.#endAll(at);
      this.#cancelAll("fail-fast");
    }
  }

  #leaveFamily(task: number): void {
    this.admission.forget(task);
    this.table.forgetAddedDependents(task);
    const parent = this.table.parents.get(task);
    if (parent === undefined) return;
    this.table.parents.delete(task);
    this.table.children.get(parent)?.delete(task);
  }

  #wakeDependents(task: number, at: number): void {
    const { table } = this;
    if (task < table.planCount) {
      const targets = table.dependentTargets;
      const end = table.dependentOffsets[task + 1]!;
      for (let edge = table.dependentOffsets[task]!; edge < end; edge++) this.#dependencySucceeded(targets[edge]!, at);
    }
    const added = table.addedDependents(task);
    if (added !== undefined) for (const dependent of added) this.#dependencySucceeded(dependent, at);
  }

  #dependencySucceeded(dependent: number, at: number): void {
    if (--this.table.waitingOn[dependent]! === 0 && this.table.state[dependent] === TaskState.waiting)
      this.#dependenciesEnded(dependent, at);
  }

  #skipDependents(task: number, root: number, at: number): void {
    const { table } = this;
    if (task < table.planCount) {
      const end = table.dependentOffsets[task + 1]!;
      for (let edge = table.dependentOffsets[task]!; edge < end; edge++)
        this.#dependencyEndedBadly(table.dependentTargets[edge]!, task, root, at);
    }
    const added = table.addedDependents(task);
    if (added !== undefined) for (const dependent of added) this.#dependencyEndedBadly(dependent, task, root, at);
  }

  #dependencyEndedBadly(dependent: number, task: number, root: number, at: number): void {
    if (this.table.state[dependent] !== TaskState.waiting) return;
    if (this.table.policy(dependent).trigger !== Trigger.allSucceeded) {
      if (--this.table.waitingOn[dependent]! === 0) this.#dependenciesEnded(dependent, at);
    } else if (this.#cancelledBy !== undefined && this.#cancelledBy !== "fail-fast") {
      this.#toEnd.push({
        task: dependent,
        state: TaskState.cancelled,
        reason: { kind: "cancelled", by: this.#cancelledBy },
      });
    } else this.#toEnd.push({ task: dependent, state: TaskState.skipped, reason: { kind: "dependency", task, root } });
  }

  // Tasks that come later.

  #add(definitions: readonly TaskDefinition[], parent: number, at: number): void {
    const tasks = definitions.map((definition) => {
      this.#live++;
      const task = this.table.add(definition, parent);
      this.admission.setDemand(task, definition.demand);
      if (definition.past !== undefined) this.#restoreAdded(task, definition.past);
      return task;
    });
    for (let index = 0; index < tasks.length; index++)
      if (this.table.state[tasks[index]!] === TaskState.waiting) this.#connect(tasks[index]!, definitions[index]!, at);
    const parentEnded =
      parent >= 0 && isEnd(this.table.state[parent]!) && this.table.state[parent] !== TaskState.succeeded;
    if (parentEnded || (this.#cancelledBy !== undefined && this.#cancelledBy !== "fail-fast")) {
      for (const task of tasks)
        if (!isEnd(this.table.state[task]!)) this.#cancel(task, parentEnded ? "parent" : this.#cancelledBy!);
    }
  }

  #restoreAdded(task: number, past: TaskPast): void {
    this.#restore(task, past);
    if (past.end === undefined) return;
    const root = this.table.roots.get(task);
    if (root !== undefined && this.table.state[root] !== TaskState.skipped) this.table.tainted.add(task);
    this.#leaveFamily(task);
  }

  #connect(task: number, definition: TaskDefinition, at: number): void {
    let bad = -1;
    for (const dependency of definition.dependencies) {
      const state = this.table.state[dependency]!;
      if (!isEnd(state)) this.table.addDependent(dependency, task);
      else if (state !== TaskState.succeeded && definition.policy.trigger === Trigger.allSucceeded) bad = dependency;
    }
    if (bad >= 0) {
      const root = this.table.roots.get(bad) ?? bad;
      this.#toEnd.push({ task, state: TaskState.skipped, reason: { kind: "dependency", task: bad, root } });
    } else if (this.table.waitingOn[task] === 0) this.#dependenciesEnded(task, at);
  }

  /** The demand object that tasks which hold the same as `demand` and one unit of `resource` share. */
  static withResource(demand: Demand, resource: number): Demand {
    return { resources: [...demand.resources, resource], amounts: [...demand.amounts, 1] };
  }
}

function isPlain(policy: Policy): boolean {
  const unlimited = policy.timeoutMs === Number.POSITIVE_INFINITY && policy.totalTimeoutMs === Number.POSITIVE_INFINITY;
  return unlimited && policy.trigger === Trigger.allSucceeded && !policy.conditional && !policy.reportsStart;
}
