/** The monitor as anybody would write it first: keeps every event, and counts over all of them whenever it is asked. */
import type { AttemptEndedEvent, RunEvent, TaskEndedEvent } from "#src/model/event.js";
import type { Observer } from "#src/port/observer.js";

export interface NaiveUse {
  readonly now: number;
  readonly average: number;
  readonly peak: number;
}

interface Change {
  readonly at: number;
  readonly amount: number;
}

export class NaiveMonitor implements Observer {
  readonly events: RunEvent[] = [];
  readonly #changes = new Map<string, Change[]>([["slots", []]]);
  readonly #held = new Map<string, Record<string, number>>();

  observe(event: RunEvent): void {
    this.events.push(event);
    const key = `${event.runId} ${event.taskId}`;
    if (event.type === "attempt-started") {
      this.#held.set(key, { ...event.resources, slots: 1 });
      this.#change(key, 1, event.at);
    } else if (event.type === "task-suspended") this.#change(key, -1, event.at);
    else if (event.type === "task-resumed") this.#change(key, 1, event.at);
    else if (event.type === "attempt-ended" && this.#held.has(key)) {
      if (!this.#isSuspended(event)) this.#change(key, -1, event.at);
      this.#held.delete(key);
    }
  }

  attempts(from = Number.NEGATIVE_INFINITY): AttemptEndedEvent[] {
    return this.events.filter((event) => event.type === "attempt-ended" && event.at >= from) as AttemptEndedEvent[];
  }

  ends(from = Number.NEGATIVE_INFINITY): TaskEndedEvent[] {
    return this.events.filter((event) => event.type === "task-ended" && event.at >= from) as TaskEndedEvent[];
  }

  queuedTimes(from = Number.NEGATIVE_INFINITY): number[] {
    return this.ends(from).flatMap(({ result }) => (result.attempts > 0 ? [result.queuedTime] : []));
  }

  /** Seconds in which a run was in progress. */
  activeTime(now: number): number {
    const open = new Set<string>();
    let since = 0;
    let active = 0;
    for (const { type, runId, at } of this.events) {
      if (type === "run-started") {
        if (open.size === 0) since = at;
        open.add(runId);
      } else if (type === "run-ended" && open.delete(runId) && open.size === 0) active += at - since;
    }
    return (active + (open.size > 0 ? now - since : 0)) / 1000;
  }

  use(resource: string, now: number): NaiveUse {
    let [held, peak, area, last] = [0, 0, 0, 0];
    for (const { at, amount } of this.#changes.get(resource) ?? []) {
      area += held * (at - last);
      held += amount;
      last = at;
      peak = Math.max(peak, held);
    }
    const active = this.activeTime(now);
    const total = (area + held * (now - last)) / 1000;
    return { now: held, peak, average: active === 0 ? held : total / active };
  }

  ready(): number {
    const ready = new Set<string>();
    for (const event of this.events) {
      const key = `${event.runId} ${event.taskId}`;
      if (event.type === "task-ready") ready.add(key);
      else if (event.type === "attempt-started" || event.type === "task-ended") ready.delete(key);
    }
    return ready.size;
  }

  #isSuspended({ runId, taskId }: AttemptEndedEvent): boolean {
    const moves = this.events.filter(
      (event) =>
        event.runId === runId &&
        event.taskId === taskId &&
        (event.type === "task-suspended" || event.type === "task-resumed" || event.type === "attempt-started"),
    );
    return moves.at(-1)?.type === "task-suspended";
  }

  #change(key: string, sign: 1 | -1, at: number): void {
    for (const [name, amount] of Object.entries(this.#held.get(key) ?? {})) {
      const changes = this.#changes.get(name) ?? [];
      changes.push({ at, amount: sign * amount });
      this.#changes.set(name, changes);
    }
  }
}

/** The smallest of the values that at least so many percent of them are not above. */
export function percentileOf(values: readonly number[], percent: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1]!;
}
