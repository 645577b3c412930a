/** How much is kept warm: an option of the manager, read once. */
import type { Checker } from "../model/check.js";
import type { Duration, Size } from "../model/units.js";

/** Sandboxes that are started ahead of need. More of them answer bursts sooner and take more memory while they wait. */
export interface WarmOptions {
  /** Spares of each kind of sandbox that is in use, from 0. A kind is a language with its packages and limits. Default 2. */
  readonly spares?: number;
  /** Spares of all kinds together. One of Python takes some 15 MB, of JavaScript some 40 MB. Default 8. */
  readonly maxSpares?: number;
  /** Spares of a kind that nobody asked for in so long are given up. Default 60 seconds. */
  readonly idleLimit?: Duration;
  /** Fork servers of Python at once, one for each set of allowed packages. One with pandas takes some 70 MB. Default 4. */
  readonly maxServers?: number;
  /** A fork server that was not used for so long is ended. Default 5 minutes. */
  readonly serverIdleLimit?: Duration;
  /** Most memory of one fork server, where a cgroup can hold it; at least 64 MiB. Each of its runs takes up to 8 MB of it. Default `"2GiB"`. */
  readonly serverMemoryLimit?: Size;
}

export interface ResolvedWarmOptions {
  readonly spares: number;
  readonly maximumSpares: number;
  readonly idleMs: number;
  readonly maximumServers: number;
  readonly serverIdleMs: number;
  readonly serverMemoryBytes: number;
  /** Forks after which a server is replaced, so that its runs get a new layout of memory and a new hash seed. */
  readonly maximumForks: number;
}

const names = ["spares", "maxSpares", "idleLimit", "maxServers", "serverIdleLimit", "serverMemoryLimit"] as const;

/** Reports what is wrong to `check`, under `warm`. */
export function resolveWarmOptions(check: Checker, given: WarmOptions = {}): ResolvedWarmOptions {
  const options = check.object("warm", given, names) ? given : {};
  const count = { minimum: 0, maximum: 1000, integer: true };
  return {
    spares: check.number("warm.spares", options.spares, count, 2),
    maximumSpares: check.number("warm.maxSpares", options.maxSpares, count, 8),
    idleMs: check.durationMs("warm.idleLimit", options.idleLimit, 60_000, 1),
    maximumServers: check.number("warm.maxServers", options.maxServers, { ...count, minimum: 1 }, 4),
    serverIdleMs: check.durationMs("warm.serverIdleLimit", options.serverIdleLimit, 300_000, 1),
    serverMemoryBytes: check.bytes("warm.serverMemoryLimit", options.serverMemoryLimit, 2 ** 31, 64 * 2 ** 20),
    maximumForks: 5000,
  };
}
