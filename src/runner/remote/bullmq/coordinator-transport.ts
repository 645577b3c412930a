/** The coordinator's side of the transport, on BullMQ and Redis. */
import { randomUUID } from "node:crypto";
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type {
  CoordinatorTransport,
  CoordinatorTransportListener,
  LeftParcel,
  Parcel,
  ParcelPlace,
  ParcelState,
} from "../../../port/transport.js";
import type { CheckedClusterOptions } from "../options.js";
import { AnswerReader, firstEntry, noRun } from "./answer-reader.js";
import { connect, type Engine, firstContact, hold } from "./connection.js";
import { Keys } from "./keys.js";

/** Seconds after which Redis forgets a run that nobody coordinates any more. */
const runTtlSeconds = 86_400;
const stalledIntervalMs = 500;
/** A server that starts together with the coordinator is waited for. */
const firstContactMs = 30_000;
/** After so long an inbox that was not used may be about to be forgotten. */
const inboxFreshMs = 3_600_000;
/** Parcels that are worth a pipeline. */
const fewestInBulk = 5;
/** Events that BullMQ keeps of a queue: nobody reads them. */
const eventsKept = 10;

export interface BullmqCoordinatorOptions extends CheckedClusterOptions {
  readonly priority: number | undefined;
}

export class BullmqCoordinator implements CoordinatorTransport {
  readonly inbox = randomUUID();
  readonly #engine: Engine;
  readonly #options: BullmqCoordinatorOptions;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #reader: AnswerReader;
  readonly #queues = new Map<string, Queue>();
  readonly #runs = new Set<string>();
  /** Runs of which Redis knows more than their answers. */
  readonly #kept = new Set<string>();
  /** When the inbox was made, or was used last. */
  #inboxUsedAt = 0;
  /** Since when the connection is up without a break, by `performance.now()`. */
  #connectedAt = Number.POSITIVE_INFINITY;

  constructor(engine: Engine, options: BullmqCoordinatorOptions, listener: CoordinatorTransportListener) {
    this.#engine = engine;
    this.#options = options;
    this.#keys = new Keys(options.prefix);
    this.#redis = connect(engine, options.connection, (error) => listener.onTrouble(error));
    this.#blocking = connect(engine, options.connection, (error) => listener.onTrouble(error));
    this.#redis.on("ready", () => {
      this.#connectedAt = performance.now();
      hold(this.#redis, this.#runs.size > 0);
      this.#makeInbox();
    });
    this.#redis.on("close", () => {
      this.#connectedAt = Number.POSITIVE_INFINITY;
    });
    this.#reader = new AnswerReader({
      redis: this.#blocking,
      commands: this.#redis,
      keys: this.#keys,
      inboxKey: this.#keys.inbox(this.inbox),
      onAnswer: (runId, text) => listener.onAnswer(runId, text),
    });
  }

  /** Resolves when Redis was reached. @throws OrchestratorError `REDIS_UNAVAILABLE`, with everything closed. */
  async reach(): Promise<void> {
    try {
      const { connection } = this.#options;
      await Promise.all([this.#redis, this.#blocking].map((redis) => firstContact(redis, connection, firstContactMs)));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get caughtUpAt(): number {
    return this.#reader.caughtUpAt;
  }

  async openRun(runId: string): Promise<{ epoch: number; left: readonly LeftParcel[] }> {
    this.#begin(runId);
    this.#kept.add(runId);
    const answers = this.#keys.answers(runId);
    const replies = await this.#redis
      .pipeline()
      .incr(this.#keys.epoch(runId))
      .expire(this.#keys.epoch(runId), runTtlSeconds)
      .hgetall(this.#keys.parcels(runId))
      // Workers answer only where somebody reads: this entry makes the stream.
      .xadd(answers, "*", noRun, "")
      .expire(answers, runTtlSeconds)
      .zadd(this.#keys.runs, Date.now(), runId)
      .exec();
    const left = (replies![2]![1] ?? {}) as Record<string, string>;
    this.#reader.add(runId);
    return {
      epoch: Number(replies![0]![1]),
      left: Object.entries(left).map(([id, index]) => ({ id, index })),
    };
  }

  beginRun(runId: string): void {
    this.#begin(runId);
    if (performance.now() - this.#inboxUsedAt > inboxFreshMs) this.#makeInbox();
  }

  #begin(runId: string): void {
    this.#runs.add(runId);
    hold(this.#redis, true);
    this.#reader.want(true);
  }

  /** Workers answer only where somebody reads. An inbox that is there already stays what it is. */
  #makeInbox(): void {
    this.#inboxUsedAt = performance.now();
    const key = this.#keys.inbox(this.inbox);
    const made = this.#redis.pipeline().xadd(key, firstEntry, noRun, "").expire(key, runTtlSeconds);
    made.exec().catch(() => {});
  }

  async submit(runId: string, parcels: readonly Parcel[]): Promise<void> {
    const key = this.#keys.parcels(runId);
    // In this order: a parcel that a successor does not know of would be lost to it.
    const kept = parcels.flatMap(({ id, index }) => (index === undefined ? [] : [[id, index] as const]));
    const noted = kept.length === 0 ? undefined : this.#redis.hset(key, Object.fromEntries(kept));
    noted?.catch(() => {});
    const byQueue = new Map<string, Parcel[]>();
    for (const parcel of parcels) {
      const list = byQueue.get(parcel.queue);
      if (list === undefined) byQueue.set(parcel.queue, [parcel]);
      else list.push(parcel);
    }
    const { priority } = this.#options;
    const jobs = (list: readonly Parcel[]) =>
      list.map(({ id, text }) => ({
        name: "parcel",
        data: text,
        opts: {
          jobId: id,
          attempts: 1,
          removeOnComplete: true,
          removeOnFail: true,
          ...(priority === undefined ? undefined : { priority }),
        },
      }));
    const added = [...byQueue].map(([name, list]) => {
      const queue = this.#queue(name);
      // A pipeline costs as much as some jobs: it is made with a function for each of BullMQ's scripts.
      if (list.length >= fewestInBulk) return queue.addBulk(jobs(list));
      return Promise.all(jobs(list).map(({ name: job, data, opts }) => queue.add(job, data, opts)));
    });
    await Promise.all([noted, ...added]);
  }

  withdraw(places: readonly ParcelPlace[]): Promise<readonly boolean[]> {
    return Promise.all(places.map(async ({ id, queue }) => (await this.#queue(queue).remove(id)) === 1));
  }

  async inspect(places: readonly ParcelPlace[]): Promise<readonly ParcelState[]> {
    await this.#markStalled(new Set(places.map(({ queue }) => queue)));
    const pipeline = this.#redis.pipeline();
    for (const { id, queue } of places) pipeline.hmget(this.#queue(queue).toKey(id), "timestamp", "stc");
    const replies = await pipeline.exec();
    return replies!.map(([error, reply]): ParcelState => {
      if (error !== null) return "there";
      const [timestamp, stalled] = reply as [string | null, string | null];
      if (timestamp === null) return "gone";
      return stalled === null ? "there" : "abandoned";
    });
  }

  settle(runId: string, ids: readonly string[]): void {
    if (ids.length > 0) this.#redis.hdel(this.#keys.parcels(runId), ...ids).catch(() => {});
  }

  tell(workerId: string | undefined, text: string): void {
    this.#redis.publish(this.#keys.orders(workerId), text).catch(() => {});
  }

  keepRun(runId: string): void {
    this.#reader.trim();
    this.#kept.add(runId);
    this.#inboxUsedAt = performance.now();
    this.#redis
      .pipeline()
      .zadd(this.#keys.runs, Date.now(), runId)
      .expire(this.#keys.inbox(this.inbox), runTtlSeconds)
      .exec()
      .catch(() => {});
  }

  async owns(runId: string, epoch: number): Promise<boolean> {
    this.#reader.trim();
    const replies = await this.#redis
      .pipeline()
      .get(this.#keys.epoch(runId))
      .zadd(this.#keys.runs, Date.now(), runId)
      .expire(this.#keys.parcels(runId), runTtlSeconds)
      .expire(this.#keys.answers(runId), runTtlSeconds)
      .exec();
    const [error, current] = replies![0]!;
    return error !== null || current === null || Number(current) === epoch;
  }

  async workers(): Promise<readonly { id: string; text: string }[]> {
    const ids = await this.#redis.zrangebyscore(this.#keys.workers, Date.now(), "+inf");
    if (ids.length === 0) return [];
    const texts = await this.#redis.mget(ids.map((id) => this.#keys.worker(id)));
    return ids.flatMap((id, place) => (texts[place] == null ? [] : [{ id, text: texts[place] }]));
  }

  count(what: string, by: number): void {
    this.#redis.hincrby(this.#keys.counts, what, by).catch(() => {});
  }

  async closeRun(runId: string): Promise<void> {
    this.#runs.delete(runId);
    this.#reader.remove(runId);
    this.#reader.trim();
    if (this.#runs.size === 0) {
      hold(this.#redis, false);
      this.#reader.want(false);
    }
    if (!this.#kept.delete(runId)) return;
    await this.#redis
      .pipeline()
      .del(this.#keys.answers(runId), this.#keys.parcels(runId), this.#keys.epoch(runId))
      .zrem(this.#keys.runs, runId)
      .exec();
  }

  async close(): Promise<void> {
    this.#reader.close();
    for (const queue of this.#queues.values()) await queue.close();
    this.#blocking.disconnect();
    this.#redis.del(this.#keys.inbox(this.inbox)).catch(() => {});
    // What was asked before is still carried out, unless the server is away.
    if (this.#redis.status === "ready") await this.#redis.quit().catch(() => {});
    else this.#redis.disconnect();
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const { Queue } = this.#engine.bullmq;
      const options = {
        connection: this.#redis as never,
        prefix: this.#keys.queues,
        streams: { events: { maxLen: eventsKept } },
        skipWaitingForReady: true,
        // For the search for workers that died, which BullMQ knows from its own workers alone.
        maxStalledCount: 0,
        stalledInterval: stalledIntervalMs,
      };
      queue = new Queue(name, options);
      queue.on("error", () => {});
      this.#queues.set(name, queue);
      this.#redis.zadd(this.#keys.queueNames, Date.now(), name).catch(() => {});
    }
    return queue;
  }

  /**
   * Has BullMQ find jobs whose lock has run out. Not before the connection has been up for as long as a lock lasts: after
   * a restart of Redis every lock may have run out, and workers need that time to renew theirs.
   */
  async #markStalled(names: ReadonlySet<string>): Promise<void> {
    if (performance.now() - this.#connectedAt < this.#options.leaseMs) return;
    await Promise.all([...names].map((name) => this.#queue(name).backend.moveStalledJobsToWait()));
  }
}
