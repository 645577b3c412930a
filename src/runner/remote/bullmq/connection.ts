/**
 * Connections to Redis. `bullmq` and `ioredis` are optional peers of this package: whoever runs on one machine does not
 * install them, and whoever needs them is told how.
 */
import type { Redis } from "ioredis";
import { OrchestratorError } from "../../../model/error.js";
import type { RedisConnection } from "../connection-url.js";
import { isFinal, redisTrouble } from "./trouble.js";

export interface Engine {
  readonly bullmq: typeof import("bullmq");
  readonly Redis: typeof import("ioredis").Redis;
}

/** @throws OrchestratorError `PACKAGE_NOT_FOUND` */
export async function loadEngine(): Promise<Engine> {
  const [bullmq, Redis] = await orMissing(Promise.all([import("bullmq"), loadRedis()]));
  return { bullmq, Redis };
}

/** For whoever needs no more than a connection. */
export async function loadRedis(): Promise<Engine["Redis"]> {
  return (await orMissing(import("ioredis"))).Redis;
}

async function orMissing<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (error) {
    if (error instanceof OrchestratorError) throw error;
    throw new OrchestratorError(
      "PACKAGE_NOT_FOUND",
      "running on several machines needs the packages bullmq and ioredis: npm install bullmq ioredis",
      { cause: error },
    );
  }
}

const slowestRetryMs = 1000;

/** Options under which every connection waits for a server that is away, instead of failing what was asked of it. */
export function patient(connection: RedisConnection): RedisConnection & { maxRetriesPerRequest: null } {
  return {
    keepAlive: 5000,
    connectTimeout: 5000,
    retryStrategy: (times: number) => Math.min(slowestRetryMs, times * 50),
    ...connection,
    maxRetriesPerRequest: null,
    enableReadyCheck: true,
  };
}

export function connect(
  engine: Pick<Engine, "Redis">,
  connection: RedisConnection,
  onTrouble: (error: Error) => void,
): Redis {
  const redis = new engine.Redis(patient(connection) as never);
  redis.on("error", (error: Error) => onTrouble(redisTrouble(connection, error)));
  return redis;
}

/**
 * Resolves when the connection is up for the first time. Rejects where trying again is of no use, and when `waitMs` are
 * over: a server that was never there is rather a wrong address than one that restarts.
 */
export function firstContact(redis: Redis, connection: RedisConnection, waitMs?: number): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve, reject) => {
    let last = new Error("no answer");
    const end = (error?: Error): void => {
      clearTimeout(timer);
      redis.off("ready", onReady);
      redis.off("error", onError);
      if (error === undefined) resolve();
      else reject(redisTrouble(connection, error));
    };
    const onReady = (): void => end();
    const onError = (error: Error): void => {
      last = error;
      if (isFinal(error)) end(error);
    };
    const timer = waitMs === undefined ? undefined : setTimeout(() => end(last), waitMs);
    redis.on("ready", onReady);
    redis.on("error", onError);
  });
}

/** Whether the connection keeps this process alive. */
export function hold(redis: Redis, held: boolean): void {
  const socket = (redis as { stream?: { ref?(): void; unref?(): void } }).stream;
  if (held) socket?.ref?.();
  else socket?.unref?.();
}
