/**
 * A worker: claims parcels, carries out their attempts with the runners of one machine, and answers their coordinators.
 *
 *     parcel -> opened, checked -> attempts -> admission -> runner -> answers -> parcel complete when all have ended
 *
 * A parcel is complete only when its answers have left, so whoever finds it gone finds the answers.
 */
import { hostname } from "node:os";
import { fromErrorData, OrchestratorError, toErrorData } from "../../../model/error.js";
import type { DescribedWork } from "../../../model/work.js";
import type { Runner } from "../../../port/runner.js";
import type { AnswerAddress, WorkerTransport } from "../../../port/transport.js";
import type { DataStore } from "../data/store.js";
import type { Envelope } from "../envelope.js";
import {
  type Answer,
  type ParcelMessage,
  protocolVersion,
  purposeOf,
  toldMessage,
  type WorkerRecord,
} from "../messages.js";
import { readParcel } from "../read-message.js";
import type { WorkerAdmission } from "./admission.js";
import { admitWork, type WorkPolicy } from "./admit-work.js";
import { Answers } from "./answers.js";
import { type AttemptHost, RemoteAttempt } from "./remote-attempt.js";
import { WorkerRunners } from "./runners.js";

export interface WorkerServerParts {
  readonly workerId: string;
  readonly queue: string;
  readonly queues: readonly string[];
  readonly transport: WorkerTransport;
  readonly envelope: Envelope;
  readonly admission: WorkerAdmission;
  readonly policy: WorkPolicy;
  readonly data: DataStore | undefined;
  readonly inlineLimitBytes: number;
  readonly maxMessageBytes: number;
  readonly onTrouble: (error: Error) => void;
}

const recordIntervalMs = 500;
/** Attempts that a worker names in its record. */
const namedAttempts = 50;
/** Orders to cancel attempts that have not come yet: their parcel may be on its way. */
const rememberedCancels = 10_000;

export class WorkerServer implements AttemptHost {
  readonly workerId: string;
  readonly admission: WorkerAdmission;
  readonly data: DataStore | undefined;
  readonly inlineLimitBytes: number;
  readonly #parts: WorkerServerParts;
  readonly #runners: WorkerRunners;
  readonly #answers: Answers;
  readonly #attempts = new Map<string, RemoteAttempt>();
  readonly #cancelled = new Map<string, Error>();
  readonly #startedAt = Date.now();
  readonly #counts = { succeeded: 0, failed: 0, stopped: 0, returned: 0, lost: 0, refused: 0, fenced: 0 };
  readonly #timer: NodeJS.Timeout;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(parts: WorkerServerParts) {
    this.#parts = parts;
    this.workerId = parts.workerId;
    this.admission = parts.admission;
    this.data = parts.data;
    this.inlineLimitBytes = parts.inlineLimitBytes;
    this.#runners = new WorkerRunners(parts.admission.capacity.slots);
    this.#answers = new Answers({
      transport: parts.transport,
      envelope: parts.envelope,
      workerId: parts.workerId,
      host: hostname(),
      maxMessageBytes: parts.maxMessageBytes,
      onTrouble: parts.onTrouble,
      running: () => this.#attempts.size,
      slots: parts.admission.capacity.slots,
      onNobody: (answers) => this.#fenced(answers),
    });
    this.#timer = setInterval(() => this.describe(), recordIntervalMs);
  }

  get running(): number {
    return this.#attempts.size;
  }

  /** Carries out a parcel; resolves when every attempt in it has ended and its answers have left. */
  async handle(parcelId: string, sealed: string): Promise<void> {
    const parcel = this.#open(parcelId, sealed);
    if (parcel === undefined) return;
    const { run, inbox, works, attempts } = parcel;
    const from: AnswerAddress = { runId: run, inbox };
    const admitted = works.map((work) => admitWork(work, this.#parts.policy));
    await new Promise<void>((resolve) => {
      let left = attempts.length;
      const ended = (): void => {
        if (--left === 0) resolve();
      };
      for (const message of attempts) {
        const found = admitted[message.work];
        if (found === undefined || "refused" in found) this.#refuse(from, message.token, found, ended);
        else this.#begin(new RemoteAttempt(this, { from, message, work: found.work, parcelId }, ended));
      }
    });
    await this.#answers.flushed(from);
  }

  /** Orders from a coordinator. */
  told(text: string, toAll: boolean): void {
    try {
      const opened = this.#parts.envelope.open(purposeOf.told(toAll ? undefined : this.workerId), text);
      const { cancel } = toldMessage.parse(JSON.parse(opened));
      for (const { run, token, error } of cancel) this.#cancel(keyOf(run, token), fromErrorData(error));
    } catch (error) {
      this.#refused(error as Error);
    }
  }

  /** The parcel was taken for abandoned and is given to others: its attempts end here. */
  leaseLost(parcelId: string): void {
    const error = new OrchestratorError("WORKER_LOST", `worker ${this.workerId} was taken for dead`);
    for (const attempt of this.#attempts.values()) if (attempt.parcelId === parcelId) attempt.abort(error);
  }

  /** Hands back what has not begun, waits for what has, and hands that back too when the time is over. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    this.describe();
    const detail = `worker ${this.workerId} is being drained`;
    for (const attempt of [...this.#attempts.values()]) attempt.giveBack(detail, false);
    const timer = setTimeout(() => {
      for (const attempt of [...this.#attempts.values()]) attempt.giveBack(detail, true);
    }, graceMs);
    if (this.#attempts.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#runners.close();
  }

  describe(): void {
    const { capacity } = this.admission;
    const running = [...this.#attempts.values()].slice(0, namedAttempts);
    const record: WorkerRecord = {
      version: protocolVersion,
      id: this.workerId,
      host: hostname(),
      pid: process.pid,
      queue: this.#parts.queue,
      queues: [...this.#parts.queues],
      slots: capacity.slots,
      cpu: capacity.cpuCores,
      memory: capacity.memoryBytes,
      resources: { ...capacity.resources },
      modules: [...this.#parts.policy.modules.names],
      kinds: ["thread", "process", "code", ...(this.#parts.policy.commands.length > 0 ? ["command"] : [])],
      draining: this.#draining,
      running: running.map(({ runId, message, startedAt }) => ({
        run: runId,
        task: message.task,
        attempt: message.attempt,
        since: startedAt,
      })),
      runningCount: this.#attempts.size,
      counts: { ...this.#counts, movedValues: this.data?.moved.values ?? 0, movedBytes: this.data?.moved.bytes ?? 0 },
      startedAt: this.#startedAt,
    };
    this.#parts.transport.describe(this.#parts.envelope.seal(purposeOf.record(this.workerId), JSON.stringify(record)));
  }

  // What attempts ask for.

  runner(kind: DescribedWork["kind"]): Runner | Promise<Runner> {
    return this.#runners.get(kind);
  }

  answer(to: AnswerAddress, answer: Answer): void {
    const counts: Record<string, number> = this.#counts;
    if (counts[answer.is] !== undefined) counts[answer.is]!++;
    this.#answers.push(to, answer);
  }

  ended(attempt: RemoteAttempt): void {
    this.#attempts.delete(keyOf(attempt.runId, attempt.message.token));
    if (this.#attempts.size === 0) this.#onIdle?.();
  }

  #open(parcelId: string, sealed: string): ParcelMessage | undefined {
    try {
      return readParcel(this.#parts.envelope.open(purposeOf.parcel(parcelId), sealed));
    } catch (error) {
      // Whoever wrote this has no right to an answer; a coordinator with another key is told by the count and the log.
      this.#refused(error as Error);
      return undefined;
    }
  }

  #begin(attempt: RemoteAttempt): void {
    const key = keyOf(attempt.runId, attempt.message.token);
    const cancelled = this.#cancelled.get(key);
    if (cancelled !== undefined) {
      attempt.stopped();
      return;
    }
    if (this.#draining) {
      attempt.returned("draining", `worker ${this.workerId} is being drained`);
      return;
    }
    this.#attempts.set(key, attempt);
    attempt.begin();
  }

  #refuse(
    from: AnswerAddress,
    token: number,
    found: ReturnType<typeof admitWork> | undefined,
    ended: () => void,
  ): void {
    const detail = found !== undefined && "refused" in found ? found.refused : "the message names work that it lacks";
    if (found !== undefined && "refused" in found && found.because === "module") {
      this.answer(from, { is: "returned", token, because: "module", detail });
    } else {
      const error = new OrchestratorError("MESSAGE_REFUSED", `worker ${this.workerId} refused the task: ${detail}`);
      const failure = { error: toErrorData(error), reason: { kind: "error" }, retryable: false, ms: 0 } as const;
      this.answer(from, { is: "failed", token, ...failure });
    }
    ended();
  }

  #cancel(key: string, reason: Error): void {
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined) {
      attempt.abort(reason);
      return;
    }
    this.#cancelled.set(key, reason);
    if (this.#cancelled.size > rememberedCancels) {
      const [oldest] = this.#cancelled.keys();
      this.#cancelled.delete(oldest!);
    }
  }

  #fenced(answers: readonly Answer[]): void {
    const ends = answers.filter(({ is }) => is === "succeeded" || is === "failed").length;
    this.#counts.fenced += ends;
    if (ends > 0) this.#parts.transport.count("fenced", ends);
  }

  #refused(error: Error): void {
    this.#counts.refused++;
    this.#parts.transport.count("refused", 1);
    this.#parts.onTrouble(error);
  }
}

function keyOf(runId: string, token: number): string {
  return `${token} ${runId}`;
}
