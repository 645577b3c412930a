/** What a worker's main thread and the thread that renews its leases say to one another. */
import type { RedisConnection } from "../connection-url.js";

export interface LeaseSetup {
  readonly connection: RedisConnection;
  readonly leaseMs: number;
  /** Key of the worker's record, and of the set that lists workers. */
  readonly recordKey: string;
  readonly listKey: string;
  readonly workerId: string;
}

/** A job that is held: BullMQ's id and keys, and the token of its lock. */
export interface Lease {
  readonly jobId: string;
  readonly jobKey: string;
  readonly activeKey: string;
  readonly stalledKey: string;
  readonly token: string;
}

export type ToLeaseThread =
  | { readonly is: "changes"; readonly held: readonly Lease[]; readonly released: readonly string[] }
  | { readonly is: "record"; readonly text: string }
  | { readonly is: "close" };

export type FromLeaseThread =
  | { readonly is: "lost"; readonly jobId: string }
  /** The worker's record stands in Redis, which is told once, or was refused. */
  | { readonly is: "record"; readonly error?: string }
  | { readonly is: "trouble"; readonly message: string };
