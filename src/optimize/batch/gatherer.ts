/**
 * Gathers items and serves them in calls of a handler.
 *
 *     add() -> waiting -> in a call -> succeeded | failed
 *                 |           '-----> nobody wants it (drop): its entry of the answer is not looked at
 *                 '-> gone (drop)
 *
 * A call is made when `batchSize` items wait, when one has waited for `maxWait`, or when all that wait are known to wait
 * in vain (`hurry`): nothing more can come. The limit of calls comes before all of these; while it holds calls back, what
 * waits goes on gathering.
 */
import type { BatchContext, BatchHandler, BatchLimits } from "../../model/batch.js";
import { asError } from "../../model/error.js";
import type { Clock } from "../../port/clock.js";
import { WaitLine } from "../wait-line.js";
import { type Answer, readAnswers } from "./answers.js";

/** The call that serves an item. */
export interface BatchCall {
  /** From 1, among the calls of whoever made the gatherer. */
  readonly number: number;
  /** Items of the call. */
  readonly size: number;
}

/** One item, and who is told what becomes of it. */
export interface BatchItem<Item> {
  readonly item: Item;
  readonly priority: number;
  /** A call that serves the item begins; again for each half where a call is bisected. */
  called(call: BatchCall): void;
  ended(answer: Answer): void;
}

/** Limits of a gatherer. */
export interface GathererLimits extends BatchLimits {
  readonly batchSize: number;
}

interface Entry<Item> {
  readonly given: BatchItem<Item>;
  readonly priority: number;
  readonly since: number;
  hurried: boolean;
  call: Call<Item> | undefined;
  dropped: boolean;
}

/** A call and, where it is bisected, those that follow from it: they hold one place. */
interface Call<Item> {
  readonly entries: readonly Entry<Item>[];
  readonly controller: AbortController;
  /** Entries that somebody wants and that have not ended. */
  wanted: number;
  /** Whether its place among the calls has been given back. */
  left: boolean;
}

/** What a gatherer has done so far. */
export interface BatchCounts {
  /** Items that ended with an answer. */
  items: number;
  failedItems: number;
  droppedItems: number;
  /** Calls of the handler, those of bisections included. */
  calls: number;
  /** Calls that threw and were made again in halves. */
  bisections: number;
  /** Items of all those calls; one of a bisected call counts in each. */
  calledItems: number;
  /** Items that were part of a call. */
  startedItems: number;
  /** Longest wait of an item for its first call, in milliseconds. */
  longestWaitMs: number;
  /** Sum of all waits, in milliseconds. */
  totalWaitMs: number;
}

export class Gatherer<Item> {
  readonly key: string;
  readonly limits: GathererLimits;
  readonly counts: BatchCounts = {
    items: 0,
    failedItems: 0,
    droppedItems: 0,
    calls: 0,
    bisections: 0,
    calledItems: 0,
    startedItems: 0,
    longestWaitMs: 0,
    totalWaitMs: 0,
  };
  readonly #handler: BatchHandler<Item, unknown>;
  readonly #clock: Clock;
  readonly #nextNumber: () => number;
  readonly #line = new WaitLine<Entry<Item>>();
  readonly #entries = new Map<BatchItem<Item>, Entry<Item>>();
  readonly #onDrained: (() => void)[] = [];
  #inFlight = 0;
  /** Waiting entries that wait in vain. */
  #hurried = 0;
  #cancelTimer: (() => void) | undefined;

  /** `nextNumber` numbers the calls. Default: from 1. */
  constructor(
    key: string,
    handler: BatchHandler<Item, unknown>,
    limits: GathererLimits,
    clock: Clock,
    nextNumber?: () => number,
  ) {
    this.key = key;
    this.limits = limits;
    this.#handler = handler;
    this.#clock = clock;
    this.#nextNumber = nextNumber ?? (() => this.counts.calls);
  }

  /** Items that wait for a call. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Calls that hold a place. */
  get inFlight(): number {
    return this.#inFlight;
  }

  add(given: BatchItem<Item>): void {
    const entry: Entry<Item> = {
      given,
      priority: given.priority,
      since: this.#clock.now(),
      hurried: false,
      call: undefined,
      dropped: false,
    };
    this.#entries.set(given, entry);
    this.#line.add(entry);
    this.#pump();
  }

  /** Nobody wants the item any more. It is told nothing from now on. */
  drop(given: BatchItem<Item>): void {
    const entry = this.#entries.get(given);
    if (entry === undefined || entry.dropped) return;
    entry.dropped = true;
    this.#entries.delete(given);
    this.counts.droppedItems++;
    if (entry.call !== undefined) this.#leaveCall(entry.call);
    else {
      this.#line.delete(entry);
      if (entry.hurried) this.#hurried--;
      this.#pump();
      this.#tellDrained();
    }
  }

  /** Whoever gave the item knows that no other will come from there while this one waits. */
  hurry(given: BatchItem<Item>): void {
    const entry = this.#entries.get(given);
    if (entry === undefined || entry.hurried || entry.call !== undefined) return;
    entry.hurried = true;
    this.#hurried++;
    this.#pump();
  }

  /** Serves what waits without waiting for more. */
  flush(): void {
    for (const entry of [...this.#line]) this.hurry(entry.given);
  }

  /** Resolves when nothing waits and nothing is served. */
  async drained(): Promise<void> {
    while (this.#line.size > 0 || this.#inFlight > 0)
      await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  /**
   * `turnOver`: all that was added in one turn of the event loop has been. Before that no item's time counts: where this process
   * was held up, what would have come meanwhile comes in the same turn in which the time is found to be over.
   */
  #pump(turnOver = false): void {
    while (this.#line.size > 0 && this.#inFlight < this.limits.maxConcurrent && this.#mustCall(turnOver))
      this.#start(this.#line.take(this.limits.batchSize));
    this.#setTimer();
  }

  #mustCall(turnOver: boolean): boolean {
    if (this.#line.size >= this.limits.batchSize || this.#hurried === this.#line.size) return true;
    return turnOver && this.#dueAt() <= this.#clock.now();
  }

  #dueAt(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#line.heads()) oldest = Math.min(oldest, since);
    return oldest + this.limits.maxWaitMs;
  }

  #setTimer(): void {
    const wanted = this.#line.size > 0 && this.#inFlight < this.limits.maxConcurrent;
    if (!wanted) {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      return;
    }
    // One that is armed comes early rather than late, and looks at the clock again.
    if (this.#cancelTimer !== undefined) return;
    const leftMs = this.#dueAt() - this.#clock.now();
    if (leftMs > 0) this.#cancelTimer = this.#clock.schedule(leftMs, () => this.#pumpAfterTurn());
    else this.#pumpAfterTurn();
  }

  #pumpAfterTurn(): void {
    let armed = true;
    this.#cancelTimer = () => {
      armed = false;
    };
    this.#clock.yield(() => {
      if (!armed) return;
      this.#cancelTimer = undefined;
      this.#pump(true);
    });
  }

  #start(entries: readonly Entry<Item>[]): void {
    const call: Call<Item> = { entries, controller: new AbortController(), wanted: entries.length, left: false };
    const now = this.#clock.now();
    this.counts.startedItems += entries.length;
    for (const entry of entries) {
      entry.call = call;
      if (entry.hurried) this.#hurried--;
      this.counts.totalWaitMs += now - entry.since;
      this.counts.longestWaitMs = Math.max(this.counts.longestWaitMs, now - entry.since);
    }
    this.#inFlight++;
    void this.#serve(call, entries).finally(() => this.#leavePlace(call));
  }

  /** Calls the handler for what is wanted of these entries. Never rejects. */
  async #serve(call: Call<Item>, all: readonly Entry<Item>[]): Promise<void> {
    const entries = all.filter(({ dropped }) => !dropped);
    if (entries.length === 0) return;
    this.counts.calls++;
    const described: BatchCall = { number: this.#nextNumber(), size: entries.length };
    this.counts.calledItems += entries.length;
    for (const { given } of entries) given.called(described);
    const context: BatchContext = {
      key: this.key,
      signal: call.controller.signal,
      isCancelled: (index) => entries[index]?.dropped ?? true,
    };
    let given: unknown;
    try {
      given = await this.#handler(
        entries.map((entry) => entry.given.item),
        context,
      );
    } catch (thrown) {
      await this.#failed(call, entries, asError(thrown));
      return;
    }
    const answers = readAnswers(this.key, given, entries.length);
    for (const [index, entry] of entries.entries()) this.#end(entry, answers[index]!);
  }

  async #failed(call: Call<Item>, entries: readonly Entry<Item>[], error: Error): Promise<void> {
    if (!this.limits.bisect || entries.length === 1) {
      for (const entry of entries) this.#end(entry, { ok: false, error });
      return;
    }
    this.counts.bisections++;
    const middle = entries.length >> 1;
    await this.#serve(call, entries.slice(0, middle));
    await this.#serve(call, entries.slice(middle));
  }

  #end(entry: Entry<Item>, answer: Answer): void {
    if (entry.dropped) return;
    this.#entries.delete(entry.given);
    entry.dropped = true;
    this.counts.items++;
    if (!answer.ok) this.counts.failedItems++;
    entry.call!.wanted--;
    entry.given.ended(answer);
  }

  /** One entry fewer that somebody wants. A call for nobody is aborted, and no longer holds its place. */
  #leaveCall(call: Call<Item>): void {
    call.wanted--;
    if (call.wanted > 0) return;
    call.controller.abort(new DOMException("nobody wants any result of this call any more", "AbortError"));
    this.#leavePlace(call);
  }

  #leavePlace(call: Call<Item>): void {
    if (call.left) return;
    call.left = true;
    this.#inFlight--;
    this.#pump();
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (this.#inFlight === 0 && this.#line.size === 0) for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}
