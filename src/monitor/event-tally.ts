/**
 * Counts runs from their events: for those that are replayed from a journal or told by another machine, where nobody calls
 * a tally. Keeps what the running attempts hold, and nothing for a task that waits or has ended.
 */

import { KindNumbers } from "../core/task-kinds.js";
import type { AttemptEndedEvent, AttemptStartedEvent, RunEvent, RunStartedEvent } from "../model/event.js";
import type { HeldAmounts, TalliedRun } from "../port/observer.js";
import type { Ledger } from "./ledger.js";
import { LedgerTally } from "./ledger-tally.js";

interface Holder {
  readonly held: HeldAmounts;
  readonly workerId: string;
  /** Not while it waits for tasks that it added. */
  holds: boolean;
}

export class EventTally {
  readonly #ledger: Ledger;
  readonly #runs = new Map<string, ToldRun>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  observe(event: RunEvent): void {
    const { runId, type } = event;
    let run = this.#runs.get(runId);
    if (run === undefined) {
      run = new ToldRun(this.#ledger, event);
      this.#runs.set(runId, run);
    }
    run.observe(event);
    if (type === "run-ended") this.#runs.delete(runId);
  }
}

class ToldRun {
  readonly #tally: LedgerTally;
  readonly #kinds = new KindNumbers();
  readonly #holders = new Map<string, Holder>();
  readonly #state: { taskCount: number; ready: number; lastAt: number };

  constructor(ledger: Ledger, first: RunEvent) {
    const { runId: id, at: startedAt } = first;
    const started: Partial<RunStartedEvent> = first.type === "run-started" ? first : {};
    const state = { taskCount: started.taskCount ?? 0, ready: 0, lastAt: startedAt };
    const run: TalliedRun = {
      id,
      graph: started.graph ?? "",
      startedAt,
      limits: started.limits ?? {},
      get taskCount() {
        return state.taskCount;
      },
      get ready() {
        return state.ready;
      },
      flush: () => undefined,
      tellAtOnce: () => undefined,
      kindName: (kind) => this.#kinds.name(kind),
      now: () => state.lastAt,
    };
    this.#state = state;
    this.#tally = new LedgerTally(ledger, run);
  }

  observe(event: RunEvent): void {
    this.#state.lastAt = Math.max(this.#state.lastAt, event.at);
    switch (event.type) {
      case "tasks-added":
        this.#state.taskCount += event.taskIds.length;
        return;
      case "task-ready":
        this.#state.ready++;
        return;
      case "attempt-started":
        this.#attemptStarted(event);
        return;
      case "attempt-ended":
        this.#attemptEnded(event);
        return;
      case "task-suspended":
      case "task-resumed":
        this.#setHolding(event.taskId, event.type === "task-resumed", event.at);
        return;
      case "task-ended":
        if (event.wasReady) this.#leaveReady();
        this.#tally.taskEnded(
          this.#kinds.ofName(event.name),
          event.status,
          event.result.attempts === 0 ? -1 : event.result.queuedTime,
          event.at,
        );
        return;
      case "run-ended":
        for (const taskId of this.#holders.keys()) this.#setHolding(taskId, false, event.at);
        this.#tally.runEnded(event.at);
        return;
      default:
        return;
    }
  }

  #attemptStarted({ taskId, resources, workerId, at }: AttemptStartedEvent): void {
    this.#leaveReady();
    this.#holders.set(taskId, { held: resources, workerId, holds: false });
    this.#setHolding(taskId, true, at);
  }

  #attemptEnded({ taskId, name, outcome, executionTime, at, retryAt, facts, resourceUsage }: AttemptEndedEvent): void {
    // An attempt that its runner could not begin was ready until now.
    if (!this.#holders.has(taskId)) this.#leaveReady();
    this.#setHolding(taskId, false, at);
    this.#holders.delete(taskId);
    const details = { retried: retryAt !== undefined, facts, usage: resourceUsage };
    this.#tally.attemptEnded(this.#kinds.ofName(name), outcome, executionTime, at, details);
  }

  #leaveReady(): void {
    // A monitor that comes late has not been told of all that was ready.
    this.#state.ready = Math.max(0, this.#state.ready - 1);
  }

  #setHolding(taskId: string, holds: boolean, at: number): void {
    const holder = this.#holders.get(taskId);
    if (holder === undefined || holder.holds === holds) return;
    holder.holds = holds;
    if (holds) this.#tally.took(holder.held, holder.workerId, at);
    else this.#tally.gave(holder.held, holder.workerId, at);
  }
}
