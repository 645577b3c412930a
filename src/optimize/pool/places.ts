/** The places of a pool, and what is in them. */
import type { CheckedPool } from "./options.js";
import type { PoolLease } from "./pool-lease.js";

export type PlaceState = "creating" | "idle" | "checking" | "held" | "destroying";

/** One of a pool's places, and the resource in it. */
export class Place<Resource> {
  readonly createdAt: number;
  state: PlaceState = "creating";
  resource: Resource | undefined;
  /** Aborts its making. */
  creating: AbortController | undefined;
  /** Who holds it. */
  lease: PoolLease<Resource> | undefined;
  /** Calls off the warning that it is held too long. */
  cancelWarning: (() => void) | undefined;
  /** The last key that it served. */
  affinity: string | undefined;
  idleSince: number;
  /** How often it was lent. */
  uses = 0;

  constructor(createdAt: number) {
    this.createdAt = createdAt;
    this.idleSince = createdAt;
  }
}

export class PlaceSet<Resource> implements Iterable<Place<Resource>> {
  readonly #places = new Set<Place<Resource>>();

  get size(): number {
    return this.#places.size;
  }

  add(place: Place<Resource>): void {
    this.#places.add(place);
  }

  delete(place: Place<Resource>): void {
    this.#places.delete(place);
  }

  has(place: Place<Resource>): boolean {
    return this.#places.has(place);
  }

  [Symbol.iterator](): Iterator<Place<Resource>> {
    return this.#places.values();
  }

  count(state: PlaceState): number {
    let count = 0;
    for (const place of this.#places) if (place.state === state) count++;
    return count;
  }

  /** The idle resource that last served the key; else one of no key, or else the one that was left longest ago. */
  idleFor(affinity: string | undefined): Place<Resource> | undefined {
    let best: Place<Resource> | undefined;
    for (const place of this.#places) {
      if (place.state !== "idle") continue;
      if (affinity !== undefined && place.affinity === affinity) return place;
      if (best === undefined || goesBefore(place, best)) best = place;
    }
    return best;
  }

  /** Who holds resources, the longest first, in seconds. */
  holders(now: number): { holder: string; heldFor: number }[] {
    return [...this.#places]
      .flatMap(({ lease }) => (lease === undefined ? [] : [lease]))
      .map(({ holder, since }) => ({ holder, heldFor: (now - since) / 1000 }))
      .sort((left, right) => right.heldFor - left.heldFor);
  }

  /** When an idle resource will first be too old, or idle for too long. */
  upkeepAt({ min, idleTimeoutMs, maxLifetimeMs }: CheckedPool): number {
    let at = Number.POSITIVE_INFINITY;
    for (const { state, idleSince, createdAt } of this.#places) {
      if (state !== "idle") continue;
      at = Math.min(at, createdAt + maxLifetimeMs);
      if (this.#places.size > min) at = Math.min(at, idleSince + idleTimeoutMs);
    }
    return at;
  }

  /** Idle resources that are too old, and those beyond `min` that were idle for too long. */
  tired({ min, idleTimeoutMs, maxLifetimeMs }: CheckedPool, now: number): Place<Resource>[] {
    let spare = this.#places.size - min;
    const idle = [...this.#places].filter(({ state }) => state === "idle");
    idle.sort((left, right) => left.idleSince - right.idleSince);
    return idle.filter(({ idleSince, createdAt }) => {
      const tired = spare > 0 && now - idleSince >= idleTimeoutMs;
      if (!tired && now - createdAt < maxLifetimeMs) return false;
      spare--;
      return true;
    });
  }
}

/** Of those without a key the one that was left last, so that those not needed grow old; it is also the likeliest to be warm. */
function goesBefore(left: Place<unknown>, right: Place<unknown>): boolean {
  if ((left.affinity === undefined) !== (right.affinity === undefined)) return left.affinity === undefined;
  return left.affinity === undefined ? left.idleSince >= right.idleSince : left.idleSince < right.idleSince;
}
