/**
 * Renews the leases of a worker, in a thread with a connection of its own: while the worker's event loop is blocked, by
 * one long computation or a hundred short ones, the worker still lives and says so. What ends a lease is the end of the
 * process, or of its way to Redis.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Redis } from "ioredis";
import { connect, loadRedis } from "./connection.js";
import type { FromLeaseThread, Lease, LeaseSetup, ToLeaseThread } from "./lease-messages.js";

const { connection, leaseMs, recordKey, listKey, workerId } = workerData as LeaseSetup;
const held = new Map<string, Lease>();
let record: string | undefined;
let published = false;
let closing = false;

/**
 * Renews the lock where it is ours. One that has run out is taken again as long as the job is still with its worker:
 * nobody has noticed, as after a restart of Redis.
 */
const renewScript = `
local current = redis.call("GET", KEYS[1])
if current == ARGV[1] or (not current and redis.call("LPOS", KEYS[2], ARGV[3])) then
  redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
  redis.call("SREM", KEYS[3], ARGV[3])
  return 1
end
return 0`;

function tell(message: FromLeaseThread): void {
  parentPort!.postMessage(message);
}

const redis: Redis = connect({ Redis: await loadRedis() }, connection, (error) =>
  tell({ is: "trouble", message: error.message }),
);
let renewing = false;
let askedAgain = false;

async function renew(): Promise<void> {
  if (redis.status !== "ready") return;
  if (renewing) {
    // What it is asked for came too late for the one that is under way.
    askedAgain = true;
    return;
  }
  renewing = true;
  try {
    const leases = [...held.values()];
    const pipeline = redis.pipeline();
    for (const { jobId, jobKey, activeKey, stalledKey, token } of leases)
      pipeline.eval(renewScript, 3, `${jobKey}:lock`, activeKey, stalledKey, token, leaseMs, jobId);
    const told = record;
    if (told !== undefined) {
      pipeline.set(recordKey, told, "PX", leaseMs);
      pipeline.zadd(listKey, Date.now() + leaseMs, workerId);
    }
    const replies = await pipeline.exec();
    leases.forEach((lease, place) => {
      const [error, renewed] = replies![place]!;
      // Released meanwhile, or taken by nobody but the end of the lease.
      if (error !== null || renewed === 1 || held.get(lease.jobId) !== lease) return;
      held.delete(lease.jobId);
      tell({ is: "lost", jobId: lease.jobId });
    });
    if (told !== undefined) tellRecord(replies!.slice(leases.length).find(([error]) => error !== null)?.[0]);
  } catch (error) {
    tell({ is: "trouble", message: (error as Error).message });
  } finally {
    renewing = false;
  }
  if (!askedAgain) return;
  askedAgain = false;
  void renew();
}

/** Tells that the record stands in Redis, once, and whenever it was refused. */
function tellRecord(error: Error | null | undefined): void {
  if (error != null) tell({ is: "record", error: error.message });
  else if (!published) {
    published = true;
    tell({ is: "record" });
  }
}

const timer = setInterval(() => void renew(), leaseMs / 4);
redis.on("ready", () => void renew());

parentPort!.on("message", (message: ToLeaseThread) => {
  switch (message.is) {
    case "changes":
      for (const jobId of message.released) held.delete(jobId);
      for (const lease of message.held) held.set(lease.jobId, lease);
      return;
    case "record": {
      // Described once more on its way out: nobody is to see it any more.
      if (closing) return;
      const first = record === undefined;
      record = message.text;
      if (first) void renew();
      return;
    }
    case "close":
      closing = true;
      clearInterval(timer);
      // A renewal that follows the one under way must not bring it back.
      record = undefined;
      void forget();
  }
});

async function forget(): Promise<void> {
  if (redis.status === "ready")
    await redis
      .pipeline()
      .del(recordKey)
      .zrem(listKey, workerId)
      .exec()
      .catch(() => {});
  redis.disconnect();
  parentPort!.close();
}
