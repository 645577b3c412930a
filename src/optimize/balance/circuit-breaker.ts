/**
 * Decides whether an endpoint may be called, as a pure machine that is told the time:
 *
 *     closed --(so many failures in a row)--> open --(its time is over)--> half-open --(enough successes)--> closed
 *                                              ^                             |
 *                                              '--------(a failure)----------'   open for twice as long
 *
 * (Michael Nygard, "Release It!", 2007.) While half-open, no more calls are let through than it takes to decide.
 */
import type { Checker } from "../../model/check.js";
import type { Duration } from "../../model/units.js";

/** When an endpoint that fails is left alone, and for how long. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit; from 1. Default 5. */
  readonly failures?: number;
  /** How long it is open before a call is tried; each time that fails, twice as long. Default 5 s. */
  readonly openFor?: Duration;
  /** It is open no longer than this. Default 60 s. */
  readonly maxOpenFor?: Duration;
  /** Successes of tried calls that close it; from 1. Default 1. */
  readonly successes?: number;
}

export interface BreakerLimits {
  readonly failures: number;
  readonly openForMs: number;
  readonly maxOpenForMs: number;
  readonly successes: number;
}

/** Whether an endpoint is called (`"closed"`), left alone (`"open"`), or tried with one call (`"half-open"`). */
export type CircuitState = "closed" | "open" | "half-open";

const optionNames = ["failures", "openFor", "maxOpenFor", "successes"] as const;

/** `undefined` where there is to be no breaker. */
export function readBreaker(
  check: Checker,
  name: string,
  given: CircuitBreakerOptions | false | undefined,
): BreakerLimits | undefined {
  if (given === false) return undefined;
  const options = given ?? {};
  if (!check.object(name, options, optionNames)) return undefined;
  const range = { minimum: 1, maximum: 1e6, integer: true };
  const openForMs = check.durationMs(`${name}.openFor`, options.openFor, 5000, 1);
  return {
    failures: check.number(`${name}.failures`, options.failures, range, 5),
    openForMs,
    maxOpenForMs: check.durationMs(`${name}.maxOpenFor`, options.maxOpenFor, Math.max(60_000, openForMs), openForMs),
    successes: check.number(`${name}.successes`, options.successes, range, 1),
  };
}

export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  #state: CircuitState = "closed";
  /** Failures in a row while closed. */
  #failures = 0;
  /** Times that it was opened since it was last closed. */
  #openings = 0;
  /** Times that it was opened or closed: how a call ends that began before the last time says nothing of now. */
  #era = 0;
  /** When it may be tried again, while open. */
  #tryAt = 0;
  /** Of the present trial. */
  #successes = 0;
  #trials = 0;

  constructor(limits: BreakerLimits) {
    this.#limits = limits;
  }

  state(now: number): CircuitState {
    return this.#state === "open" && now >= this.#tryAt ? "half-open" : this.#state;
  }

  /** Whether a call may begin now. */
  allows(now: number): boolean {
    const state = this.state(now);
    if (state !== "half-open") return state === "closed";
    if (this.#state === "open") return true;
    return this.#trials + this.#successes < this.#limits.successes;
  }

  /** When a call may begin: now, a time to come, or `Infinity` where that depends on calls that go on. */
  allowsAt(now: number): number {
    if (this.allows(now)) return now;
    return this.#state === "open" ? this.#tryAt : Number.POSITIVE_INFINITY;
  }

  /** A call begins. Gives the one function that is to be told, once, how it ended: `undefined` says nothing of the endpoint. */
  begin(): (ended: boolean | undefined, at: number) => void {
    const era = this.#era;
    if (this.#state === "closed")
      return (ended, at) => {
        if (era === this.#era) this.#closedEnded(ended, at);
      };
    if (this.#state === "open") {
      this.#state = "half-open";
      this.#successes = 0;
      this.#trials = 0;
    }
    this.#trials++;
    return (ended, at) => {
      if (era === this.#era) this.#trialEnded(ended, at);
    };
  }

  #closedEnded(ended: boolean | undefined, at: number): void {
    if (ended === undefined) return;
    if (ended) this.#failures = 0;
    else if (++this.#failures >= this.#limits.failures) this.#open(at);
  }

  #trialEnded(ended: boolean | undefined, at: number): void {
    this.#trials--;
    if (ended === false) this.#open(at);
    else if (ended && ++this.#successes >= this.#limits.successes) {
      this.#state = "closed";
      this.#failures = 0;
      this.#openings = 0;
      this.#era++;
    }
  }

  #open(at: number): void {
    const { openForMs, maxOpenForMs } = this.#limits;
    this.#state = "open";
    this.#tryAt = at + Math.min(maxOpenForMs, openForMs * 2 ** this.#openings);
    this.#openings++;
    this.#era++;
  }
}
