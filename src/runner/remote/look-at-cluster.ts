/** Reads what a cluster keeps in Redis, once. */
import { Checker } from "../../model/check.js";
import { connect, loadRedis } from "./bullmq/connection.js";
import { Keys } from "./bullmq/keys.js";
import { redisTrouble } from "./bullmq/trouble.js";
import type { ClusterQueue, ClusterView, ClusterWorker } from "./cluster.js";
import { Envelope } from "./envelope.js";
import { purposeOf, workerRecord } from "./messages.js";
import { type ClusterOptions, checkClusterOptions, clusterOptionNames } from "./options.js";

/** A run that no coordinator has touched for so long is not listed. */
const runSeenMs = 60_000;

/** @throws InvalidOptionError with everything that is wrong. */
export async function look(options: ClusterOptions): Promise<ClusterView> {
  const check = new Checker("cluster");
  if (!check.object("", options, clusterOptionNames)) check.finish();
  const checked = checkClusterOptions(check, options);
  check.finish();
  const engine = { Redis: await loadRedis() };
  const keys = new Keys(checked.prefix);
  const connection = { ...checked.connection, retryStrategy: () => null, sentinelRetryStrategy: () => null };
  let trouble: Error | undefined;
  const redis = connect(engine, connection, (error) => {
    trouble = error;
  });
  try {
    const now = Date.now();
    const ids = await redis.zrangebyscore(keys.workers, now, "+inf");
    const texts = ids.length === 0 ? [] : await redis.mget(ids.map((id) => keys.worker(id)));
    const { workers, unreadable } = openRecords(new Envelope(checked.key, checked.maxMessageBytes), ids, texts);
    const names = await redis.zrangebyscore(keys.queueNames, "-inf", "+inf");
    const base = `${keys.queues}:`;
    const queues = await Promise.all(
      names.map(async (name) => ({
        name,
        waiting: (await redis.llen(`${base}${name}:wait`)) + (await redis.zcard(`${base}${name}:prioritized`)),
        active: await redis.llen(`${base}${name}:active`),
        workers: workers.filter(({ queues: served }) => served.includes(name)).length,
      })),
    );
    const seen = await redis.zrangebyscore(keys.runs, now - runSeenMs, "+inf", "WITHSCORES");
    const runs: { id: string; seenAt: number; unsettledParcels: number }[] = [];
    for (let place = 0; place < seen.length; place += 2) {
      const id = seen[place]!;
      runs.push({ id, seenAt: Number(seen[place + 1]), unsettledParcels: await redis.hlen(keys.parcels(id)) });
    }
    const counted = await redis.hgetall(keys.counts);
    const counts = Object.fromEntries(Object.entries(counted).map(([name, count]) => [name, Number(count)]));
    const redisBytes = Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1] ?? 0);
    return { workers, queues: queues.filter(interesting), runs, counts, redisBytes, unreadable };
  } catch (error) {
    throw trouble ?? redisTrouble(checked.connection, error as Error);
  } finally {
    redis.disconnect();
  }
}

function openRecords(
  envelope: Envelope,
  ids: readonly string[],
  texts: readonly (string | null)[],
): { workers: ClusterWorker[]; unreadable: string[] } {
  const workers: ClusterWorker[] = [];
  const unreadable: string[] = [];
  ids.forEach((id, place) => {
    const text = texts[place];
    if (text == null) return;
    try {
      workers.push(workerRecord.parse(JSON.parse(envelope.open(purposeOf.record(id), text))));
    } catch {
      unreadable.push(id);
    }
  });
  return { workers, unreadable };
}

/** Queues of single workers are many and mostly empty. */
function interesting({ name, waiting, active }: ClusterQueue): boolean {
  return !name.includes("@") || waiting + active > 0;
}
