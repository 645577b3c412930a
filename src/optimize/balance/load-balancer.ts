/** Spreads calls over endpoints (workers, servers), and keeps away from those that fail. */
import { Checker } from "../../model/check.js";
import { asError, InvalidOptionError, OrchestratorError } from "../../model/error.js";
import { formatDurationMs } from "../../model/units.js";
import type { Clock, World } from "../../port/clock.js";
import { realClock } from "../world.js";
import {
  type BreakerLimits,
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  readBreaker,
} from "./circuit-breaker.js";
import { LatencyEstimate } from "./latency.js";
import { rendezvousScore } from "./rendezvous.js";
import { type BalanceStrategy, balanceStrategies, type Candidate, type Choose, makeStrategy } from "./strategies.js";

/** Something that can be called. */
export interface Endpoint<Target> {
  /** Unique in its balancer; what sticky keys are bound to. */
  readonly id: string;
  /** What the call is given: a URL, a client, a connection. */
  readonly target: Target;
  /** Share of calls, where the strategy goes by weight, and of sticky keys; above 0. Default 1. */
  readonly weight?: number;
}

/** What calls are spread over, and how. */
export interface LoadBalancerOptions<Target> {
  /** What can be called at first; `add` and `remove` change it. Default: none. */
  readonly endpoints?: readonly Endpoint<Target>[];
  /** Default `"two-choices"`. A call with a `stickyKey` goes by that instead. */
  readonly strategy?: BalanceStrategy;
  /** When an endpoint is not called for a while. `false` never. Default: the defaults of `CircuitBreakerOptions`. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Whether an error says something about the endpoint. Default: every one does, but those of an aborted `signal`. */
  readonly isFailure?: (error: Error) => boolean;
}

/** How one call is made. */
export interface BalancedRunOptions {
  /** Aborts the call's own signal; no other endpoint is tried after that. Default: none. */
  readonly signal?: AbortSignal;
  /** Calls of the same key go to the same endpoint, as long as it can be called. Default: the strategy decides. */
  readonly stickyKey?: string;
  /** How many other endpoints are tried after a failure, one after the other. Only for what may be done twice. Default 0. */
  readonly retries?: number;
}

/** What a call is told beside its target. */
export interface BalancedCall {
  /** Id of the endpoint that is called. */
  readonly endpointId: string;
  /** 1 for the first endpoint. */
  readonly attempt: number;
  /** Aborted when the caller's `signal` is. */
  readonly signal: AbortSignal;
}

/** An endpoint as it stands. */
export interface EndpointStatus {
  /** Id of the endpoint. */
  readonly id: string;
  /** Its share, as it was given. */
  readonly weight: number;
  /** Whether it is called. */
  readonly circuit: CircuitState;
  /** Calls that go on now. */
  readonly inFlight: number;
  /** Calls that ended. */
  readonly calls: number;
  /** Of those, the ones that failed. */
  readonly failures: number;
  /** Seconds, an average that forgets the past; `undefined` before the first answer. */
  readonly latency: number | undefined;
}

interface Member<Target> extends Candidate {
  readonly target: Target;
  readonly breaker: CircuitBreaker | undefined;
  inFlight: number;
  calls: number;
  failures: number;
}

const optionNames = ["endpoints", "strategy", "circuitBreaker", "isFailure"] as const;
const runOptionNames = ["signal", "stickyKey", "retries"] as const;
const neverAborted = new AbortController().signal;

/**
 * Spreads calls over endpoints.
 *
 * @example
 * const hosts = ["a.example", "b.example"];
 * const balancer = new LoadBalancer({ strategy: "latency", endpoints: hosts.map((host) => ({ id: host, target: host })) });
 * const answer = await balancer.run(async (host) => `asked ${host}`, { retries: 1, stickyKey: "user 1" });
 */
export class LoadBalancer<Target> {
  readonly #members = new Map<string, Member<Target>>();
  readonly #choose: Choose;
  readonly #breaker: BreakerLimits | undefined;
  readonly #isFailure: (error: Error) => boolean;
  readonly #clock: Clock;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: LoadBalancerOptions<Target> = {}, world: World = {}) {
    const check = new Checker("LoadBalancer");
    if (!check.object("", options, optionNames)) check.finish();
    const strategy = check.oneOf("strategy", options.strategy, balanceStrategies, "two-choices");
    this.#breaker = readBreaker(check, "circuitBreaker", options.circuitBreaker);
    if (options.isFailure !== undefined && typeof options.isFailure !== "function")
      check.report("isFailure", "takes a function");
    if (options.endpoints !== undefined && !Array.isArray(options.endpoints))
      check.report("endpoints", "takes an array of { id, target, weight? }");
    check.finish();
    this.#isFailure = options.isFailure ?? (() => true);
    this.#clock = world.clock ?? realClock;
    this.#choose = makeStrategy(strategy, world.random ?? Math.random);
    for (const endpoint of options.endpoints ?? []) this.add(endpoint);
  }

  /** Adds an endpoint. @throws InvalidOptionError for an id that is taken, or a bad weight. */
  add({ id, target, weight = 1 }: Endpoint<Target>): void {
    const problem =
      typeof id !== "string" || id === ""
        ? "id: takes text"
        : this.#members.has(id)
          ? `id: "${id}" is the id of another endpoint`
          : typeof weight !== "number" || !(weight > 0 && weight <= 1e6)
            ? `weight: takes a number above 0 and at most 1e6, got ${weight}`
            : undefined;
    if (problem !== undefined) throw new InvalidOptionError([{ where: "LoadBalancer.endpoint", message: problem }]);
    const breaker = this.#breaker === undefined ? undefined : new CircuitBreaker(this.#breaker);
    const counts = { inFlight: 0, calls: 0, failures: 0, credit: 0 };
    this.#members.set(id, { id, target, weight, breaker, latency: new LatencyEstimate(), ...counts });
  }

  /** Calls an endpoint no more; calls that go on are left to themselves. Says whether there was one of this id. */
  remove(id: string): boolean {
    return this.#members.delete(id);
  }

  /** The endpoints as they stand. */
  get endpoints(): readonly EndpointStatus[] {
    const now = this.#clock.now();
    return Array.from(this.#members.values(), ({ id, weight, breaker, inFlight, calls, failures, latency }) => ({
      id,
      weight,
      circuit: breaker?.state(now) ?? "closed",
      inFlight,
      calls,
      failures,
      latency: latency.known ? latency.averageMs / 1000 : undefined,
    }));
  }

  /**
   * Calls `call` with the target of an endpoint, and gives what it gives. Rejects with the error of the last endpoint that
   * was tried.
   *
   * @throws OrchestratorError `NO_ENDPOINT` where none may be called now; the signal's reason.
   */
  async run<Output>(
    call: (target: Target, context: BalancedCall) => Output | PromiseLike<Output>,
    options: BalancedRunOptions = {},
  ): Promise<Output> {
    const { signal = neverAborted, stickyKey, retries } = checkRun(options);
    const tried = new Set<string>();
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const member = this.#pick(stickyKey, tried);
      tried.add(member.id);
      try {
        return await this.#call(member, call, { endpointId: member.id, attempt, signal });
      } catch (thrown) {
        const worthAnother = !signal.aborted && this.#isFailure(asError(thrown));
        if (attempt > retries || !worthAnother || this.#available(tried).length === 0) throw thrown;
      }
    }
  }

  async #call<Output>(
    member: Member<Target>,
    call: (target: Target, context: BalancedCall) => Output | PromiseLike<Output>,
    context: BalancedCall,
  ): Promise<Output> {
    const startedAt = this.#clock.now();
    const breakerEnded = member.breaker?.begin();
    const load = ++member.inFlight;
    member.calls++;
    let good: boolean | undefined;
    try {
      const output = await call(member.target, context);
      good = true;
      return output;
    } catch (thrown) {
      // What the caller has cut short says nothing about the endpoint, nor does an error that is no failure of it.
      good = context.signal.aborted ? undefined : !this.#isFailure(asError(thrown));
      throw thrown;
    } finally {
      const now = this.#clock.now();
      member.inFlight--;
      if (good === false) member.failures++;
      // A failure may be quick, and must not attract calls by that.
      if (good) member.latency.measured(now - startedAt, load, now);
      breakerEnded?.(good, now);
    }
  }

  #pick(stickyKey: string | undefined, tried: ReadonlySet<string>): Member<Target> {
    const members = this.#available(tried);
    if (members.length === 0) throw this.#noneAvailable();
    if (stickyKey === undefined) return this.#choose(members, this.#clock.now());
    const score = ({ id, weight }: Member<Target>): number => rendezvousScore(stickyKey, id, weight);
    return members.reduce((best, member) => (score(member) > score(best) ? member : best));
  }

  #available(tried: ReadonlySet<string>): Member<Target>[] {
    const now = this.#clock.now();
    return [...this.#members.values()].filter(
      ({ id, breaker }) => !tried.has(id) && (breaker === undefined || breaker.allows(now)),
    );
  }

  #noneAvailable(): OrchestratorError {
    const now = this.#clock.now();
    const told = Array.from(this.#members.values(), ({ id, breaker }) => {
      const at = breaker?.allowsAt(now) ?? now;
      return Number.isFinite(at) ? `${id} is tried again in ${formatDurationMs(at - now)}` : `${id} is being tried`;
    });
    const why = told.length === 0 ? "it has none" : `all have failed too often: ${told.slice(0, 10).join(", ")}`;
    return new OrchestratorError("NO_ENDPOINT", `the balancer has no endpoint to call; ${why}`);
  }
}

function checkRun(options: BalancedRunOptions): BalancedRunOptions & { readonly retries: number } {
  const check = new Checker("run");
  if (!check.object("", options, runOptionNames)) check.finish();
  const retries = check.number("retries", options.retries, { minimum: 0, maximum: 1000, integer: true }, 0);
  check.string("stickyKey", options.stickyKey, undefined);
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    check.report("signal", "takes an AbortSignal");
  check.finish();
  return { ...options, retries };
}
