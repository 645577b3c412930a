/**
 * Single-flight: whoever asks for a key that is being computed joins, and what it gives is given to all.
 *
 *     join ──> someone computes? ──yes──> wait for it
 *                   no                        │
 *                   v                         v
 *     right to compute (shared tiers) ──no──> look again, until the value is there or the right is free
 *                  yes
 *                   v
 *            look once more ──> one member leads: its work is carried out ──> keep, give to all
 *
 * The execution belongs to all members: one that leaves, leaves alone, and only when the last has left is the execution
 * ended. If it fails after its leader has left, or its worker is lost, another member leads a new one: nobody is given
 * the end of somebody else's cancellation.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ResourceUsage } from "../../model/result.js";
import type { CacheLease } from "../../port/cache-store.js";
import type { AttemptFailure } from "../../port/runner.js";

/** How an execution ends. */
export type ExecutionEnd =
  | { readonly kind: "succeeded"; readonly output: unknown; readonly usage?: ResourceUsage | undefined }
  | { readonly kind: "failed"; readonly failure: AttemptFailure }
  | { readonly kind: "lost"; readonly error: Error }
  | { readonly kind: "stopped"; readonly usage?: ResourceUsage | undefined };

/** One who wants the value. */
export interface FlightMember {
  /** Carries out the work; to report one end, once, and not before this has returned an execution that can be aborted or ended. */
  lead(ended: (end: ExecutionEnd) => void): { abort(reason: Error): void };
  /** It leads no execution of its own, but waits for one. */
  joined(): void;
  /** The value or failure, of its own or of another's execution. */
  ended(end: ExecutionEnd, how: "led" | "joined" | "found"): void;
}

/** What a flight needs of the cache, for one key. */
export interface FlightWorld {
  /** The value, where it is there now. */
  look(): Promise<ExecutionEnd | undefined>;
  /** The right to compute, `undefined` where another process has it. */
  lease(): Promise<CacheLease | undefined>;
  /** When an execution begins. */
  now(): number;
  /** Keeps what an execution gave; gives what joined members are given, a copy for each call. */
  keep(end: ExecutionEnd, startedAt: number): Promise<() => ExecutionEnd>;
}

const firstWaitMs = 10;
const longestWaitMs = 200;

export class Flights {
  readonly #flights = new Map<string, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  /** Joins the execution of a key, or begins one; gives how to leave. */
  join(key: string, member: FlightMember, world: FlightWorld): (reason: Error) => void {
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = new Flight(world, () => this.#flights.delete(key));
      this.#flights.set(key, flight);
      flight.add(member);
      flight.begin();
    } else {
      flight.add(member);
      member.joined();
    }
    const joinedFlight = flight;
    return (reason) => joinedFlight.leave(member, reason);
  }

  /** When all that goes on has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#flights.values()].map((flight) => flight.done));
  }
}

class Flight {
  readonly #world: FlightWorld;
  readonly #over: () => void;
  readonly #members = new Set<FlightMember>();
  #execution: { abort(reason: Error): void } | undefined;
  #left: Error | undefined;
  /** Wakes the wait for another process. */
  readonly #alone = new AbortController();
  done: Promise<void> = Promise.resolve();

  constructor(world: FlightWorld, over: () => void) {
    this.#world = world;
    this.#over = over;
  }

  add(member: FlightMember): void {
    this.#members.add(member);
  }

  begin(): void {
    this.done = this.#run().catch((error) => this.#end({ kind: "failed", failure: faultOf(error) }, undefined));
  }

  leave(member: FlightMember, reason: Error): void {
    if (!this.#members.has(member)) return;
    if (this.#members.size === 1 && this.#execution !== undefined) {
      // The last: it is told when nothing of it runs any more.
      this.#left = reason;
      this.#execution.abort(reason);
      return;
    }
    this.#members.delete(member);
    if (this.#members.size === 0) {
      this.#over();
      this.#alone.abort();
    }
    member.ended({ kind: "stopped" }, "joined");
  }

  async #run(): Promise<void> {
    const lease = await this.#takeLease();
    if (lease === undefined) return;
    try {
      if (lease !== "found") await this.#compute();
    } finally {
      if (lease !== "found") await lease.release();
    }
  }

  /** Waits until this process may compute, or the value was found (and given), or nobody wants it any more. */
  async #takeLease(): Promise<CacheLease | "found" | undefined> {
    let told = false;
    for (let waitMs = firstWaitMs; this.#members.size > 0; waitMs = Math.min(longestWaitMs, waitMs * 1.5)) {
      const lease = await this.#world.lease();
      // Whoever had the right before may have kept the value meanwhile.
      const found = await this.#world.look();
      if (found !== undefined) {
        await lease?.release();
        this.#end(found, undefined, "found");
        return "found";
      }
      if (lease !== undefined) return lease;
      if (!told) for (const member of this.#members) member.joined();
      told = true;
      await delay(waitMs, undefined, { signal: this.#alone.signal }).catch(() => undefined);
    }
    return undefined;
  }

  async #compute(): Promise<void> {
    while (this.#members.size > 0) {
      const [leader] = this.#members as unknown as [FlightMember];
      const startedAt = this.#world.now();
      const end = await this.#lead(leader);
      const leads = this.#members.has(leader);
      if (end.kind === "succeeded" || (end.kind === "failed" && leads && this.#left === undefined)) {
        const copy = await this.#world.keep(end, startedAt);
        this.#end(end, leader, "joined", copy);
        return;
      }
      // Nobody else's end: the others try anew.
      if (!leads) continue;
      this.#members.delete(leader);
      leader.ended(end, "led");
      if (this.#members.size === 0) this.#over();
    }
  }

  #lead(leader: FlightMember): Promise<ExecutionEnd> {
    this.#left = undefined;
    return new Promise<ExecutionEnd>((resolve, reject) => {
      try {
        this.#execution = leader.lead(resolve);
      } catch (error) {
        reject(error);
      }
    }).finally(() => {
      this.#execution = undefined;
    });
  }

  #end(
    end: ExecutionEnd,
    leader: FlightMember | undefined,
    how: "joined" | "found" = "joined",
    copy: () => ExecutionEnd = () => end,
  ): void {
    const members = [...this.#members];
    this.#members.clear();
    this.#over();
    for (const member of members) member.ended(member === leader ? end : copy(), member === leader ? "led" : how);
  }
}

function faultOf(error: unknown): AttemptFailure {
  return { error: error instanceof Error ? error : new Error(String(error)), reason: { kind: "error" } };
}
