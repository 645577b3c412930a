/**
 * The parent's side of one worker thread: its port, the slots of the attempts that it was given, and its end.
 *
 *     booting --ready--> serving --retire()--> retiring --last attempt over--> ended
 *        |                  |                                                    ^
 *        +------------------+------------- died, or kill() ----------------------+
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { toErrorData } from "../../model/error.js";
import { WarmKeys } from "../warm-keys.js";
import type { WorkerEnd } from "../worker/failure.js";
import {
  type CallMessage,
  callFlags,
  claim,
  claimIndex,
  onStackIndex,
  slotSpan,
  type ToParentMessage,
  toParent,
  toWorker,
} from "../worker/protocol.js";
import type { ServeOptions } from "../worker/serve.js";
import { Calls } from "./calls.js";
import type { Job } from "./job.js";
import type { ThreadSetup } from "./setup.js";

export interface ThreadOptions extends ServeOptions {
  /** Attempts that the thread is given beyond those that it may begin, so that it need not wait for the next one. */
  readonly lookahead: number;
  readonly heapLimitBytes: number | undefined;
  /** Whether calls of one turn travel together. */
  readonly gathersCalls: boolean;
}

/** What a thread tells its pool. */
export interface ThreadOwner {
  threadReady(thread: PoolThread): void;
  /** `job` has left the thread, and its end is the pool's to tell. */
  jobSucceeded(thread: PoolThread, job: Job, output: unknown): void;
  /** As `jobFailed`, where the inputs could not be cloned. */
  jobUnsent(thread: PoolThread, job: Job, error: unknown): void;
  jobFailed(thread: PoolThread, job: Job, message: Extract<ToParentMessage, [1, ...unknown[]]>): void;
  threadFull(thread: PoolThread): void;
  threadEnded(thread: PoolThread, end: WorkerEnd, remaining: Remaining): void;
}

/** Attempts that were in a thread when it ended. */
export interface Remaining {
  /** Had begun. */
  readonly begun: readonly Job[];
  /** Had certainly not. */
  readonly waiting: readonly Job[];
  /** The one whose code was on the stack. */
  readonly onStack: Job | undefined;
}

const entry = new URL("./entry.js", import.meta.url);

/** Messages that are taken in one turn, so that timers have theirs. */
const drainLimit = 256;

export class PoolThread {
  readonly id: string;
  readonly options: ThreadOptions;
  /** Attempts in it, begun or not. */
  inFlight = 0;
  /** Attempts that it was given and has kept, since it was made. */
  given = 0;
  state: "booting" | "serving" | "retiring" | "ended" = "booting";
  /** An attempt that must be by itself is in it, or waits for it to be empty. */
  reserved = false;
  /** Whether it ever took calls. */
  wasReady = false;
  idleSinceMs = 0;
  readonly warmKeys = new WarmKeys();
  readonly #owner: ThreadOwner;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #calls: Calls;
  readonly #claims: Int32Array;
  readonly #jobs: (Job | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  /** Slots whose call was withdrawn; free again when the worker has dropped it. */
  #withdrawn: number[] = [];
  readonly #registered: boolean[] = [];
  readonly #capacity: number;
  #held = true;
  #error: Error | undefined;

  constructor(id: string, options: ThreadOptions, owner: ThreadOwner) {
    this.id = id;
    this.options = options;
    this.#owner = owner;
    this.#capacity = Math.min(options.tasksPerWorker + options.lookahead, slotSpan);
    for (let slot = this.#capacity - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
    const shared = new SharedArrayBuffer(4 * (this.#capacity + 1));
    this.#claims = new Int32Array(shared);
    const { port1, port2 } = new MessageChannel();
    const { tasksPerWorker, recycleAfterBytes } = options;
    const setup: ThreadSetup = { shared, options: { tasksPerWorker, recycleAfterBytes } };
    this.#port = port1;
    this.#calls = new Calls(port1, options.gathersCalls, (slot, error) => this.#unsent(slot, error));
    this.#worker = new Worker(entry, {
      workerData: { ...setup, port: port2 },
      transferList: [port2],
      name: id,
      ...(options.heapLimitBytes === undefined
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: Math.ceil(options.heapLimitBytes / 2 ** 20) } }),
    } as ConstructorParameters<typeof Worker>[1]);
    this.#worker.once("error", (error: Error) => {
      this.#error = error;
    });
    this.#worker.once("exit", (exitCode) => this.#ended(exitCode));
    this.#port.on("message", (message: ToParentMessage) => this.#drain(message));
    this.#port.on("messageerror", (error) => {
      this.#error = error;
      void this.kill();
    });
  }

  /** Free places, for attempts that may wait there. */
  get room(): number {
    return this.state === "serving" ? this.#freeSlots.length : 0;
  }

  /** Keeps the process alive while the thread has work; lets it end while it has none. */
  hold(held: boolean): void {
    if (held === this.#held || this.state === "ended") return;
    this.#held = held;
    if (held) {
      this.#port.ref();
      this.#worker.ref();
    } else {
      this.#port.unref();
      this.#worker.unref();
    }
  }

  /** Gives the thread an attempt. Throws where its inputs are seen not to be cloneable; the attempt is not in it then. */
  give(job: Job): void {
    const { known, inputs, identity } = job;
    if (this.#registered[known.number] !== true) {
      this.#registered[known.number] = true;
      this.#port.postMessage([toWorker.register, known.number, known.module, known.exportName]);
    }
    if (job.transfer?.some(isDetached))
      throw new Error("a buffer to transfer is empty because it was transferred before");
    const slot = this.#freeSlots.pop()!;
    this.#claims[claimIndex(slot)] = claim.waiting;
    try {
      if (inputs === undefined && identity === undefined && !job.announce) {
        this.#calls.post(slot, known.number * slotSpan + slot);
      } else {
        const flags = job.announce ? callFlags.announce : 0;
        const message: CallMessage = [toWorker.call, slot, known.number, inputs, flags];
        if (identity !== undefined) message.push(identity.runId, identity.taskId, identity.attempt);
        if (identity?.trace !== undefined) message.push(identity.trace);
        this.#calls.post(slot, message, job.transfer);
      }
    } catch (error) {
      this.#freeSlots.push(slot);
      throw error;
    }
    this.#jobs[slot] = job;
    job.thread = this;
    job.slot = slot;
    this.inFlight++;
    this.given++;
    if (!this.#held) this.hold(true);
  }

  /** Takes an attempt back that has not begun. `false` where it has. */
  withdraw(job: Job): boolean {
    const index = claimIndex(job.slot);
    if (Atomics.compareExchange(this.#claims, index, claim.waiting, claim.withdrawn) !== claim.waiting) return false;
    this.#withdrawn.push(job.slot);
    this.#leave(job);
    this.given--;
    if (this.state === "retiring" && this.inFlight === 0) void this.kill();
    return true;
  }

  /** An attempt that has not begun and can be given to another thread: of those, the one that was given last. */
  withdrawLast(): Job | undefined {
    for (let slot = this.#capacity - 1; slot >= 0; slot--) {
      const job = this.#jobs[slot];
      if (job !== undefined && job.transfer === undefined && this.withdraw(job)) return job;
    }
    return undefined;
  }

  abort(job: Job, reason: Error): void {
    this.#port.postMessage([toWorker.abort, job.slot, toErrorData(reason)]);
  }

  /** Takes no more attempts; ends after the last one that it has. */
  retire(): void {
    if (this.state !== "serving" && this.state !== "booting") return;
    this.state = "retiring";
    if (this.inFlight === 0) void this.kill();
  }

  /** Ends the thread at once, whatever it does. `threadEnded` follows. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  #drain(first: ToParentMessage): void {
    this.#receive(first);
    // Asking for the rest is cheaper than an event for each.
    for (let count = 0; count < drainLimit; count++) {
      const next = receiveMessageOnPort(this.#port);
      if (next === undefined) break;
      this.#receive(next.message);
    }
    if (this.#withdrawn.length > 0) this.#reclaim();
    if (this.state === "retiring" && this.inFlight === 0) void this.kill();
  }

  #receive(message: ToParentMessage): void {
    if (typeof message === "number") {
      const job = this.#jobs[message];
      if (job !== undefined) {
        this.#leave(job);
        this.#freeSlots.push(message);
        this.#owner.jobSucceeded(this, job, undefined);
      }
      return;
    }
    if (message[0] === toParent.ready) {
      if (this.state === "booting") this.state = "serving";
      this.wasReady = true;
      this.#owner.threadReady(this);
      return;
    }
    if (message[0] === toParent.full) {
      this.#owner.threadFull(this);
      return;
    }
    const job = this.#jobs[message[1]];
    if (job === undefined) return;
    switch (message[0]) {
      case toParent.succeeded:
        this.#leave(job);
        this.#freeSlots.push(message[1]);
        this.#owner.jobSucceeded(this, job, message[2]);
        break;
      case toParent.failed:
        this.#leave(job);
        this.#freeSlots.push(message[1]);
        // A module that did not load is tried anew by the next attempt.
        if (message[4] >= 0) this.#registered[message[4]] = false;
        this.#owner.jobFailed(this, job, message);
        break;
      case toParent.started:
        job.tellStarted(this.id);
        break;
      case toParent.progress:
        job.listener.progress(message[2]);
        break;
      case toParent.log:
        job.listener.log("log", message[2]);
        break;
    }
  }

  #unsent(slot: number, error: unknown): void {
    const job = this.#jobs[slot];
    if (job === undefined) {
      // It was withdrawn meanwhile, and the worker will never see it.
      Atomics.store(this.#claims, claimIndex(slot), claim.dropped);
      return;
    }
    this.#leave(job);
    this.#freeSlots.push(slot);
    this.#owner.jobUnsent(this, job, error);
  }

  #leave(job: Job): void {
    this.#jobs[job.slot] = undefined;
    job.thread = undefined;
    this.inFlight--;
  }

  #reclaim(): void {
    this.#withdrawn = this.#withdrawn.filter((slot) => {
      if (Atomics.load(this.#claims, claimIndex(slot)) !== claim.dropped) return true;
      this.#freeSlots.push(slot);
      return false;
    });
  }

  #ended(exitCode: number): void {
    // What it said before it ended still counts.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port))
      this.#receive(next.message);
    this.state = "ended";
    this.#port.close();
    const begun: Job[] = [];
    const waiting: Job[] = [];
    for (const job of [...this.#jobs]) {
      if (job === undefined) continue;
      const hasBegun = Atomics.load(this.#claims, claimIndex(job.slot)) === claim.begun;
      (hasBegun ? begun : waiting).push(job);
    }
    const onStack = this.#jobs[this.#claims[onStackIndex]! - 1];
    for (const job of [...begun, ...waiting]) this.#leave(job);
    this.#owner.threadEnded(this, this.#describeEnd(exitCode), { begun, waiting, onStack });
  }

  #describeEnd(exitCode: number): WorkerEnd {
    const error = this.#error;
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ERR_WORKER_OUT_OF_MEMORY") {
      const limitBytes = this.options.heapLimitBytes;
      return { exitCode, signal: null, error: error!, memory: limitBytes === undefined ? {} : { limitBytes } };
    }
    return error === undefined ? { exitCode, signal: null } : { exitCode, signal: null, error };
  }
}

/** Node 20 sends a buffer that was moved before as an empty one, without a word, and has no `ArrayBuffer.detached`. */
function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
