/** A worker's side of the transport, on BullMQ and Redis. */
import { Worker as Thread } from "node:worker_threads";
import type { Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { AnswerAddress, WorkerTransport, WorkerTransportListener } from "../../../port/transport.js";
import type { CheckedClusterOptions } from "../options.js";
import { connect, type Engine, firstContact, patient } from "./connection.js";
import { HeldLeases } from "./held-leases.js";
import { Keys } from "./keys.js";
import type { FromLeaseThread, LeaseSetup, ToLeaseThread } from "./lease-messages.js";
import { isFinal, redisTrouble } from "./trouble.js";

/** Seconds that a worker without work waits for BullMQ's marker before it looks again. */
const drainDelaySeconds = 5;

/** BullMQ's words for a job that is over here, and whose lock had run out a moment before: it leaves the job where it is. */
const lockless = /^Missing lock for job (?<id>.+)\. \w+$/s;

/** Removes such a job, unless somebody has taken it or moved it on meanwhile. Its answers have left long since. */
const removeScript = `
if redis.call("EXISTS", KEYS[1] .. ":lock") == 0 and redis.call("LREM", KEYS[2], 1, ARGV[1]) == 1 then
  redis.call("SREM", KEYS[3], ARGV[1])
  redis.call("DEL", KEYS[1])
end`;

export class BullmqWorker implements WorkerTransport {
  readonly #engine: Engine;
  readonly #options: CheckedClusterOptions;
  readonly #workerId: string;
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #orders: Redis;
  readonly #leases: Thread;
  readonly #held = new HeldLeases((message) => this.#post(message));
  readonly #listener: WorkerTransportListener;
  readonly #workers: Worker[] = [];
  /** Settled when whoever looks at the cluster can see this worker, or never will. */
  readonly #seen: Promise<void>;
  #onSeen!: (error?: Error) => void;

  constructor(engine: Engine, options: CheckedClusterOptions, workerId: string, listener: WorkerTransportListener) {
    this.#engine = engine;
    this.#options = options;
    this.#workerId = workerId;
    this.#listener = listener;
    this.#keys = new Keys(options.prefix);
    this.#redis = connect(engine, options.connection, (error) => listener.onTrouble(error));
    this.#orders = connect(engine, options.connection, (error) => listener.onTrouble(error));
    this.#orders.on("message", (channel: string, text: string) =>
      listener.onTold(text, channel === this.#keys.orders()),
    );
    this.#seen = new Promise((resolve, reject) => {
      this.#onSeen = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#seen.catch(() => {});
    this.#leases = this.#startLeases();
  }

  async serve(
    queues: readonly string[],
    atOnce: number,
    handle: (id: string, text: string) => Promise<void>,
  ): Promise<void> {
    await firstContact(this.#orders, this.#options.connection);
    await this.#orders.subscribe(this.#keys.orders(), this.#keys.orders(this.#workerId));
    for (const name of queues) this.#workers.push(this.#claim(name, atOnce, handle));
    await Promise.all([this.#seen, ...this.#workers.map((worker) => worker.waitUntilReady())]);
  }

  async answer({ runId, inbox }: AnswerAddress, text: string): Promise<boolean> {
    const key = inbox === undefined ? this.#keys.answers(runId) : this.#keys.inbox(inbox);
    return (await this.#redis.xadd(key, "NOMKSTREAM", "*", runId, text)) !== null;
  }

  describe(text: string): void {
    this.#post({ is: "record", text });
  }

  count(what: string, by: number): void {
    this.#redis.hincrby(this.#keys.counts, what, by).catch(() => {});
  }

  async pause(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.pause(true)));
  }

  async close(): Promise<void> {
    const away = this.#redis.status !== "ready";
    await Promise.all(this.#workers.map((worker) => worker.close(away)));
    const ended = new Promise((resolve) => this.#leases.once("exit", resolve));
    this.#post({ is: "close" });
    await ended;
    this.#orders.disconnect();
    if (this.#redis.status === "ready") await this.#redis.quit().catch(() => {});
    else this.#redis.disconnect();
  }

  #claim(name: string, atOnce: number, handle: (id: string, text: string) => Promise<void>): Worker {
    const { Worker } = this.#engine.bullmq;
    const process = async (job: Job, token?: string): Promise<void> => {
      const jobId = job.id!;
      const jobKey = worker.toKey(jobId);
      const [activeKey, stalledKey] = [worker.toKey("active"), worker.toKey("stalled")];
      this.#held.hold({ jobId, jobKey, activeKey, stalledKey, token: token! });
      try {
        await handle(jobId, job.data as string);
      } finally {
        this.#held.release(jobId);
      }
    };
    const worker: Worker = new Worker(name, process, {
      connection: patient(this.#options.connection) as never,
      prefix: this.#keys.queues,
      concurrency: atOnce,
      lockDuration: this.#options.leaseMs,
      // The thread does it.
      skipLockRenewal: true,
      // Coordinators do it: they know when a connection that was lost has been back for long enough.
      skipStalledCheck: true,
      maxStalledCount: 0,
      drainDelay: drainDelaySeconds,
      runRetryDelay: 200,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    worker.on("error", (error) => {
      const id = lockless.exec(error.message)?.groups?.id;
      if (id === undefined) this.#listener.onTrouble(redisTrouble(this.#options.connection, error));
      else this.#remove(worker, id);
    });
    return worker;
  }

  #remove(worker: Worker, id: string): void {
    const keys = [worker.toKey(id), worker.toKey("active"), worker.toKey("stalled")];
    this.#redis.eval(removeScript, 3, ...keys, id).catch(() => {});
  }

  #startLeases(): Thread {
    const { connection, leaseMs } = this.#options;
    const setup: LeaseSetup = {
      connection,
      leaseMs,
      workerId: this.#workerId,
      recordKey: this.#keys.worker(this.#workerId),
      listKey: this.#keys.workers,
    };
    const thread = new Thread(new URL("./lease-thread.js", import.meta.url), { workerData: setup, execArgv: [] });
    thread.on("message", (message: FromLeaseThread) => {
      if (message.is === "lost") this.#listener.onLeaseLost(message.jobId);
      else if (message.is === "record") this.#recorded(message.error);
      else this.#listener.onTrouble(new Error(message.message));
    });
    thread.on("error", (error) => {
      this.#onSeen(error as Error);
      this.#listener.onTrouble(error as Error);
    });
    return thread;
  }

  #recorded(refusal: string | undefined): void {
    if (refusal === undefined) {
      this.#onSeen();
      return;
    }
    const error = new Error(refusal);
    const trouble = redisTrouble(this.#options.connection, error);
    this.#listener.onTrouble(trouble);
    if (isFinal(error)) this.#onSeen(trouble);
  }

  #post(message: ToLeaseThread): void {
    this.#leases.postMessage(message);
  }
}
