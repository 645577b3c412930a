/**
 * A pool of what is expensive to make.
 *
 *     creating -> idle -> checking -> held -> idle
 *        |         |         |         |-> destroying -> gone
 *        '-> gone  '---------'---------'
 *
 * A place is one of `max`; it is taken before its resource is made and given back when that is gone. Those who wait stand
 * in one line, and whatever changes ends in `#pump`: hand an idle resource to the first in line, else make one where there
 * is room and nobody is making one for them already. So a waiter is forgotten only if a change is not followed by
 * `#pump`, and there is one place where states change: `#move`.
 */
import { asError, OrchestratorError } from "../../model/error.js";
import type { AcquireOptions, Lease, ResourceSource } from "../../model/pool.js";
import { type Duration, formatDurationMs, parseDurationMs } from "../../model/units.js";
import type { Clock, World } from "../../port/clock.js";
import { WaitLine } from "../wait-line.js";
import { realClock, upkeepClock } from "../world.js";
import { closedError, emitWarning, fullError, type PoolText, timeoutError } from "./messages.js";
import { type CheckedPool, checkResourcePool, type PoolWarning, type ResourcePoolOptions } from "./options.js";
import { Place, PlaceSet, type PlaceState } from "./places.js";
import { PoolLease } from "./pool-lease.js";
import { ResourceMaker } from "./resource-maker.js";

/** What a pool holds and has done. */
export interface PoolStats {
  /** Name of the pool. */
  readonly name: string;
  /** Resources that exist, those that are being made or destroyed included. */
  readonly size: number;
  /** Resources that nobody holds. */
  readonly idle: number;
  /** Resources that are lent out. */
  readonly held: number;
  /** Acquirers that wait. */
  readonly waiting: number;
  /** Resources that were made so far. */
  readonly created: number;
  /** Resources that were ended so far. */
  readonly destroyed: number;
  /** Times that making one failed. */
  readonly failedCreates: number;
  /** Times that one was found to be broken. */
  readonly failedChecks: number;
  /** Leases so far. */
  readonly acquired: number;
  /** Leases of the resource that had last served the same affinity key. */
  readonly affinityHits: number;
  /** Who holds resources now, the longest first. */
  readonly holders: readonly { readonly holder: string; readonly heldFor: number }[];
}

interface Waiter<Resource> {
  readonly priority: number;
  readonly options: AcquireOptions;
  readonly stack: string | undefined;
  readonly resolve: (lease: Lease<Resource>) => void;
  readonly reject: (error: unknown) => void;
  over: boolean;
}

/** Upkeep is not done more often than this, in milliseconds. */
const upkeepPauseMs = 100;
/** What was made so recently is not asked about. */
const newMs = 1000;
const firstRefillMs = 1000;
const longestRefillMs = 60_000;

/**
 * Keeps what is expensive to make (a model, a browser, a connection), and lends it out. A task takes one with `use: { model: models }`.
 *
 * @example
 * await using models = new ResourcePool({ name: "models", max: 4, create: () => ({ ask: (text: string) => text.length }) });
 * console.log(await models.use((model) => model.ask("tea"), { holder: "example" })); // prints 3
 */
export class ResourcePool<Resource> implements ResourceSource<Resource>, AsyncDisposable {
  /** For people. */
  readonly name: string;
  /** Most resources at once. */
  readonly max: number;
  readonly #maker: ResourceMaker<Resource>;
  readonly #onWarning: (warning: PoolWarning) => void;
  readonly #checked: CheckedPool;
  readonly #clock: Clock;
  readonly #upkeepClock: Clock;
  readonly #places = new PlaceSet<Resource>();
  readonly #line = new WaitLine<Waiter<Resource>>();
  /** Waiters whose resource is being checked. */
  #checking = 0;
  #cancelUpkeep: (() => void) | undefined;
  #upkeepAt = Number.POSITIVE_INFINITY;
  #refillMs = 0;
  #refillAt = 0;
  #closed: Promise<void> | undefined;
  #onChange: (() => void) | undefined;
  readonly #counts = { created: 0, destroyed: 0, failedCreates: 0, failedChecks: 0, acquired: 0, affinityHits: 0 };

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: ResourcePoolOptions<Resource>, world: World = {}) {
    this.#checked = checkResourcePool(options);
    this.#onWarning = options.onWarning ?? emitWarning;
    this.name = this.#checked.name;
    this.max = this.#checked.max;
    this.#clock = world.clock ?? realClock;
    this.#upkeepClock = world.clock ?? upkeepClock;
    this.#maker = new ResourceMaker(options, this.#checked, this.#clock, (error) => {
      this.#onWarning({ kind: "destroy-failed", message: `pool "${this.name}": ${error.message}`, error });
    });
    this.#refill();
  }

  /**
   * Takes a resource, when there is one: an idle one, or a new one where fewer than `max` exist.
   *
   * @throws OrchestratorError `QUEUE_FULL`, `QUEUE_CLOSED`, `ACQUIRE_TIMEOUT`, `RESOURCE_FAILED` where none could be made; the
   *   signal's reason.
   */
  acquire(options: AcquireOptions = {}): Promise<Lease<Resource>> {
    const { priority = 0, signal } = options;
    if (typeof priority !== "number" || Number.isNaN(priority))
      return Promise.reject(new RangeError(`priority: takes a number, got ${priority}`));
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closed !== undefined) return Promise.reject(closedError(this.name));
    if (this.#line.size >= this.#checked.maxWaiting && !this.#hasRoom()) return Promise.reject(fullError(this.#text));
    const { stack } = new Error(`acquired from pool "${this.name}"`);
    return new Promise((resolve, reject) => {
      const end = <Argument>(settle: (argument: Argument) => void) => {
        return (argument: Argument): void => {
          waiter.over = true;
          cancelTimer?.();
          signal?.removeEventListener("abort", giveUp);
          this.#line.delete(waiter);
          settle(argument);
        };
      };
      const waiter: Waiter<Resource> = {
        priority,
        options,
        stack,
        resolve: end(resolve),
        reject: end(reject),
        over: false,
      };
      const giveUp = (): void => waiter.reject(signal!.reason);
      signal?.addEventListener("abort", giveUp, { once: true });
      const { acquireTimeoutMs } = this.#checked;
      const cancelTimer =
        acquireTimeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.#clock.schedule(acquireTimeoutMs, () => waiter.reject(timeoutError(this.#text)));
      this.#line.add(waiter);
      this.#pump();
    });
  }

  /** Calls `work` with a resource and gives it back, whatever happens. */
  async use<Value>(work: (resource: Resource) => Value | PromiseLike<Value>, options?: AcquireOptions): Promise<Value> {
    const lease = await this.acquire(options);
    try {
      return await work(lease.resource);
    } finally {
      await lease.release();
    }
  }

  /** What it holds and has done. */
  stats(): PoolStats {
    return {
      name: this.name,
      size: this.#places.size,
      idle: this.#places.count("idle"),
      held: this.#places.count("held"),
      waiting: this.#line.size + this.#checking,
      ...this.#counts,
      holders: this.#places.holders(this.#clock.now()),
    };
  }

  /**
   * Refuses whoever waits or comes, destroys what is idle, waits for what is held to come back, and destroys that too.
   * What has not come back after `grace` (default 30 s) is destroyed all the same, with a warning that names its holder. Idempotent.
   */
  close({ grace = 30 }: { readonly grace?: Duration } = {}): Promise<void> {
    this.#closed ??= this.#close(parseDurationMs(grace));
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    this.#cancelUpkeep?.();
    // After this turn, when `#closed` is set.
    await Promise.resolve();
    for (const waiter of [...this.#line]) waiter.reject(closedError(this.name));
    for (const place of this.#places) {
      if (place.state === "creating") place.creating?.abort(closedError(this.name));
      else if (place.state === "idle") void this.#destroy(place);
    }
    const cancel = this.#clock.schedule(graceMs, () => this.#takeBack());
    while (this.#places.size > 0) await new Promise<void>((resolve) => (this.#onChange = resolve));
    cancel();
  }

  /** Destroys what is held still. */
  #takeBack(): void {
    for (const place of this.#places) {
      if (place.lease === undefined) continue;
      this.#warnHeld("not-returned", place, "was not given back when the pool was closed");
      void this.#destroy(place);
    }
  }

  #pump(): void {
    while (this.#line.size > 0) {
      const waiter = this.#line.first()!;
      const place = this.#places.idleFor(waiter.options.affinity);
      if (place === undefined) break;
      this.#line.delete(waiter);
      this.#serve(waiter, place);
    }
    while (this.#line.size > this.#places.count("creating") && this.#hasRoom()) this.#create();
  }

  #hasRoom(): boolean {
    return this.#places.size < this.#checked.max;
  }

  #serve(waiter: Waiter<Resource>, place: Place<Resource>): void {
    const idleMs = this.#clock.now() - place.idleSince;
    const fresh = idleMs < this.#checked.checkAfterMs || (place.uses === 0 && idleMs < newMs);
    if (fresh || !this.#maker.checks) {
      this.#lend(waiter, place);
      return;
    }
    this.#move(place, "checking");
    this.#checking++;
    void this.#maker.isGood(place.resource!).then((good) => {
      this.#checking--;
      if (!good) {
        this.#counts.failedChecks++;
        void this.#destroy(place);
        if (!waiter.over && this.#closed === undefined) this.#line.addFirst(waiter);
        else waiter.reject(closedError(this.name));
      } else if (this.#closed !== undefined) {
        waiter.reject(closedError(this.name));
        void this.#destroy(place);
      } else if (waiter.over) this.#makeIdle(place);
      else this.#lend(waiter, place);
      this.#pump();
    });
  }

  #lend({ options, stack, resolve }: Waiter<Resource>, place: Place<Resource>): void {
    const { holder = "unknown", affinity } = options;
    if (affinity !== undefined && place.affinity === affinity) this.#counts.affinityHits++;
    this.#counts.acquired++;
    if (affinity !== undefined) place.affinity = affinity;
    place.uses++;
    const { warnAfterMs } = this.#checked;
    place.cancelWarning = this.#upkeepClock.schedule(warnAfterMs, () =>
      this.#warnHeld("held-too-long", place, "is held for longer than warnAfter"),
    );
    const lease = new PoolLease<Resource>(place.resource!, holder, this.#clock.now(), stack, (broken) => {
      place.cancelWarning?.();
      place.lease = undefined;
      return this.#giveBack(place, broken);
    });
    place.lease = lease;
    this.#move(place, "held");
    resolve(lease);
  }

  async #giveBack(place: Place<Resource>, broken: boolean): Promise<void> {
    if (place.state !== "held") return;
    const old = this.#clock.now() - place.createdAt >= this.#checked.maxLifetimeMs;
    const worn = place.uses >= this.#checked.maxUses;
    if (broken || old || worn || this.#closed !== undefined) await this.#destroy(place);
    else this.#makeIdle(place);
  }

  #makeIdle(place: Place<Resource>): void {
    place.idleSince = this.#clock.now();
    this.#move(place, "idle");
    this.#pump();
    this.#planUpkeep();
  }

  #create(): void {
    const place = new Place<Resource>(this.#clock.now());
    this.#places.add(place);
    place.creating = new AbortController();
    void this.#maker.make(place.creating).then(
      (resource) => {
        if (!this.#places.has(place)) return;
        place.resource = resource;
        place.creating = undefined;
        this.#counts.created++;
        this.#refillMs = 0;
        if (this.#closed === undefined) this.#makeIdle(place);
        else void this.#destroy(place);
      },
      (thrown) => this.#createFailed(place, asError(thrown)),
    );
  }

  #createFailed(place: Place<Resource>, error: Error): void {
    this.#counts.failedCreates++;
    const waiter = this.#line.first();
    const message = `pool "${this.name}" could not make a resource: ${error.message}`;
    if (waiter !== undefined) waiter.reject(new OrchestratorError("RESOURCE_FAILED", message, { cause: error }));
    else if (this.#closed === undefined) this.#onWarning({ kind: "create-failed", message, error });
    this.#refillMs = Math.min(longestRefillMs, Math.max(firstRefillMs, 2 * this.#refillMs));
    this.#refillAt = this.#clock.now() + this.#refillMs;
    this.#gone(place);
  }

  async #destroy(place: Place<Resource>): Promise<void> {
    if (place.state === "destroying") return;
    place.cancelWarning?.();
    place.lease?.forget();
    place.lease = undefined;
    this.#move(place, "destroying");
    await this.#maker.end(place.resource!);
    this.#counts.destroyed++;
    this.#gone(place);
  }

  #gone(place: Place<Resource>): void {
    this.#places.delete(place);
    this.#tellChange();
    if (this.#closed !== undefined) return;
    this.#pump();
    this.#refill();
  }

  /** Makes what lacks of `min`; after a failure not at once again. */
  #refill(): void {
    if (this.#clock.now() < this.#refillAt) {
      this.#planUpkeep();
      return;
    }
    while (this.#places.size < this.#checked.min) this.#create();
  }

  /** Ends idle resources that are too old or too many, some time. */
  #planUpkeep(): void {
    if (this.#closed !== undefined) return;
    const dueAt = this.#places.upkeepAt(this.#checked);
    const at = this.#places.size < this.#checked.min ? Math.min(dueAt, this.#refillAt) : dueAt;
    if (at >= this.#upkeepAt) return;
    this.#upkeepAt = at;
    this.#cancelUpkeep?.();
    this.#cancelUpkeep = this.#upkeepClock.schedule(Math.max(upkeepPauseMs, at - this.#clock.now()), () => {
      this.#upkeepAt = Number.POSITIVE_INFINITY;
      this.#upkeep();
    });
  }

  #upkeep(): void {
    for (const place of this.#places.tired(this.#checked, this.#clock.now())) void this.#destroy(place);
    this.#refill();
    this.#planUpkeep();
  }

  #move(place: Place<Resource>, state: PlaceState): void {
    place.state = state;
    this.#tellChange();
  }

  #tellChange(): void {
    this.#onChange?.();
    this.#onChange = undefined;
  }

  #warnHeld(kind: PoolWarning["kind"], { lease }: Place<Resource>, what: string): void {
    if (lease === undefined) return;
    const { holder, since, stack } = lease;
    const heldMs = this.#clock.now() - since;
    const message = `pool "${this.name}": a resource ${what}, by ${holder}, for ${formatDurationMs(heldMs)}`;
    this.#onWarning({
      kind,
      message,
      holder,
      heldFor: heldMs / 1000,
      ...(stack === undefined ? undefined : { stack }),
    });
  }

  get #text(): PoolText {
    return {
      name: this.name,
      checked: this.#checked,
      waiting: this.#line.size,
      holders: this.#places.holders(this.#clock.now()),
    };
  }
}
