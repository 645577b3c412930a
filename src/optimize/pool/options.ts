/** Options of a pool, checked once. */
import { Checker } from "../../model/check.js";
import type { Duration } from "../../model/units.js";

/** How resources are made, checked and ended, and how many there are. */
export interface ResourcePoolOptions<Resource> {
  /** For people. Default `"pool"`. */
  readonly name?: string;
  /** Makes a resource. The signal is aborted when it has taken too long or the pool is closed. */
  readonly create: (context: { readonly signal: AbortSignal }) => Resource | PromiseLike<Resource>;
  /** Ends a resource. What it throws is a warning. Default: nothing is to be done. */
  readonly destroy?: (resource: Resource) => unknown;
  /** Whether a resource is still good, asked before it is handed out. `false` or a throw has it destroyed. Default: it is. */
  readonly check?: (resource: Resource) => boolean | PromiseLike<boolean>;
  /** A resource that was idle for less is not asked about. Default 0: each is, every time. */
  readonly checkAfter?: Duration;
  /** Resources that are kept ready, from 0. Default 0. */
  readonly min?: number;
  /** Most resources that exist at once, those that are being made or destroyed included; from 1. Default 4. */
  readonly max?: number;
  /** An idle resource beyond `min` is destroyed after this time. Default 60 s. */
  readonly idleTimeout?: Duration;
  /** A resource that is older is destroyed when nobody holds it. Default: never. */
  readonly maxLifetime?: Duration;
  /** A resource is destroyed after it was held so often. Default: never. */
  readonly maxUses?: number;
  /** Default 30 s. */
  readonly createTimeout?: Duration;
  /** A resource whose end takes longer is left to itself, with a warning. Default 10 s. */
  readonly destroyTimeout?: Duration;
  /** Default 5 s. */
  readonly checkTimeout?: Duration;
  /** `acquire` gives up (`ACQUIRE_TIMEOUT`) after this time. Default: never. */
  readonly acquireTimeout?: Duration;
  /** Most that wait; one more is refused with `QUEUE_FULL`. Default 10,000. */
  readonly maxWaiting?: number;
  /** A resource that is held for longer is warned about, with its holder and where it was acquired. Default 5 min. */
  readonly warnAfter?: Duration;
  /** Told of what goes wrong without anybody waiting for it. Default: `process.emitWarning`. */
  readonly onWarning?: (warning: PoolWarning) => void;
}

/** Something that whoever keeps the pool should know. */
export interface PoolWarning {
  /** What it is about. */
  readonly kind: "held-too-long" | "create-failed" | "destroy-failed" | "not-returned";
  /** What happened, in words. */
  readonly message: string;
  /** Who holds the resource, where somebody does. */
  readonly holder?: string;
  /** Seconds. */
  readonly heldFor?: number;
  /** Where it was acquired. */
  readonly stack?: string;
  /** What was thrown, where something was. */
  readonly error?: Error;
}

export interface CheckedPool {
  readonly name: string;
  readonly checkAfterMs: number;
  readonly min: number;
  readonly max: number;
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly maxUses: number;
  readonly createTimeoutMs: number;
  readonly destroyTimeoutMs: number;
  readonly checkTimeoutMs: number;
  readonly acquireTimeoutMs: number;
  readonly maxWaiting: number;
  readonly warnAfterMs: number;
}

const optionNames = [
  "name",
  "create",
  "destroy",
  "check",
  "checkAfter",
  "min",
  "max",
  "idleTimeout",
  "maxLifetime",
  "maxUses",
  "createTimeout",
  "destroyTimeout",
  "checkTimeout",
  "acquireTimeout",
  "maxWaiting",
  "warnAfter",
  "onWarning",
] as const;

/** @throws InvalidOptionError with everything that is wrong. */
export function checkResourcePool<Resource>(options: ResourcePoolOptions<Resource>): CheckedPool {
  const check = new Checker("ResourcePool");
  if (!check.object("", options, optionNames)) check.finish();
  for (const name of ["create", "destroy", "check", "onWarning"] as const) {
    const given: unknown = options[name];
    if (typeof given !== "function" && (given !== undefined || name === "create"))
      check.report(name, "takes a function");
  }
  const forever = Number.POSITIVE_INFINITY;
  const max = check.number("max", options.max, { minimum: 1, maximum: 1e6, integer: true }, 4);
  const checked: CheckedPool = {
    name: check.string("name", options.name, "pool"),
    checkAfterMs: check.durationMs("checkAfter", options.checkAfter, 0),
    min: check.number("min", options.min, { minimum: 0, maximum: max, integer: true }, 0),
    max,
    idleTimeoutMs: check.durationMs("idleTimeout", options.idleTimeout, 60_000, 1),
    maxLifetimeMs: check.durationMs("maxLifetime", options.maxLifetime, forever, 1),
    maxUses: check.number("maxUses", options.maxUses, { minimum: 1, integer: true }, forever),
    createTimeoutMs: check.durationMs("createTimeout", options.createTimeout, 30_000, 1),
    destroyTimeoutMs: check.durationMs("destroyTimeout", options.destroyTimeout, 10_000, 1),
    checkTimeoutMs: check.durationMs("checkTimeout", options.checkTimeout, 5000, 1),
    acquireTimeoutMs: check.durationMs("acquireTimeout", options.acquireTimeout, forever, 1),
    maxWaiting: check.number("maxWaiting", options.maxWaiting, { minimum: 0, maximum: 1e9, integer: true }, 10_000),
    warnAfterMs: check.durationMs("warnAfter", options.warnAfter, 300_000, 1),
  };
  check.finish();
  return checked;
}
