/** Options that coordinators and workers share, checked once. */
import type { Checker } from "../../model/check.js";
import type { Duration, Size } from "../../model/units.js";
import { parseConnection, type RedisConnection } from "./connection-url.js";
import type { DataOptions } from "./data/options.js";
import { readData } from "./data/options.js";

/** How a cluster is reached; the same for coordinators and workers. */
export interface ClusterOptions {
  /** URL (`redis://`, `rediss://`, `redis-sentinel://host:port,host:port/db#master`) or fields. Default `redis://127.0.0.1:6379`. */
  readonly connection?: string | RedisConnection;
  /** Name of the queue: letters, digits, dots, dashes and underscores. Default `"default"`. */
  readonly queue?: string;
  /** Begins every key in Redis. Default `"orchestrator"`. */
  readonly prefix?: string;
  /** Shared by coordinators and workers, at least 16 characters: every message is signed with it and refused without. Default: none. */
  readonly key?: string;
  /** Where large values are kept. Default: nowhere, and a value over `inlineLimit` fails its task. */
  readonly data?: DataOptions;
  /** Largest value that travels in a message; larger ones go through the store. Default `"256KB"`. */
  readonly inlineLimit?: Size;
  /** Largest message. Default `"16MB"`. */
  readonly maxMessage?: Size;
  /** After so long without a sign of life a worker's parcels are taken for abandoned, from 1 second. Default 5 seconds. */
  readonly lease?: Duration;
  /** Told of what goes wrong and is dealt with: lost connections, refused messages. Default: nobody. */
  readonly onTrouble?: (error: Error) => void;
}

export interface CheckedClusterOptions {
  readonly connection: RedisConnection;
  readonly queue: string;
  readonly prefix: string;
  readonly key: string | undefined;
  readonly data: DataOptions | undefined;
  readonly inlineLimitBytes: number;
  readonly maxMessageBytes: number;
  readonly leaseMs: number;
  readonly onTrouble: (error: Error) => void;
}

export const clusterOptionNames = [
  "connection",
  "queue",
  "prefix",
  "key",
  "data",
  "inlineLimit",
  "maxMessage",
  "lease",
  "onTrouble",
] as const satisfies readonly (keyof ClusterOptions)[];

const nameForm = /^[\w.-]{1,100}$/;

export function checkClusterOptions(check: Checker, options: ClusterOptions): CheckedClusterOptions {
  return {
    connection: readConnection(check, options.connection),
    queue: readName(check, "queue", options.queue, "default"),
    prefix: readName(check, "prefix", options.prefix, "orchestrator"),
    key: readKey(check, options.key),
    data: readData(check, options.data),
    inlineLimitBytes: check.bytes("inlineLimit", options.inlineLimit, 256_000, 1024),
    maxMessageBytes: check.bytes("maxMessage", options.maxMessage, 16_000_000, 65_536),
    leaseMs: check.durationMs("lease", options.lease, 5000, 1000),
    onTrouble: readFunction(check, "onTrouble", options.onTrouble) ?? (() => {}),
  };
}

/** Fields of a connection, of whichever form it was given in. */
export function readConnection(check: Checker, given: ClusterOptions["connection"]): RedisConnection {
  if (given === undefined) return { host: "127.0.0.1", port: 6379 };
  if (typeof given === "string") {
    const read = parseConnection(given);
    if ("wrong" in read) check.report("connection", read.wrong);
    return "wrong" in read ? {} : read.connection;
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    check.report("connection", "takes a URL such as redis://127.0.0.1:6379, or an object with host and port");
    return {};
  }
  try {
    // The lease is renewed by a thread with a connection of its own, which needs the options too.
    structuredClone(given);
  } catch {
    check.report("connection", "takes plain data: a function or an open connection cannot be used in another thread");
  }
  return given;
}

function readName(check: Checker, option: string, given: string | undefined, fallback: string): string {
  if (given === undefined) return fallback;
  if (typeof given === "string" && nameForm.test(given)) return given;
  check.report(option, "takes 1 to 100 letters, digits, dots, dashes and underscores");
  return fallback;
}

function readKey(check: Checker, given: string | undefined): string | undefined {
  if (given === undefined || (typeof given === "string" && given.length >= 16)) return given;
  check.report("key", "takes at least 16 characters; `openssl rand -hex 32` makes a good one");
  return undefined;
}

export function readFunction<F extends (...args: never[]) => unknown>(
  check: Checker,
  option: string,
  given: F | undefined,
): F | undefined {
  if (given !== undefined && typeof given !== "function") check.report(option, "takes a function");
  return given;
}
