/**
 * Carries out process work in warm child processes, one attempt at a time in each: a crash or a leak ends or fattens that
 * process alone, and it is always clear whose doing it was.
 *
 * A process is made for one memory limit (`worker-process.ts` says why). An attempt takes an idle one of its limit, or
 * a new one, or waits; where every place is taken by idle processes of other limits, one of those makes room.
 */
import { OrchestratorError } from "../../model/error.js";
import type { ResourceUsage } from "../../model/result.js";
import type { ProcessWork } from "../../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest, LimitEnforcement, Runner } from "../../port/runner.js";
import { processEnforcement } from "../enforcement.js";
import { inputsNotSerialisable, reportedFailure, type WorkerEnd, workerEndFailure } from "../worker/failure.js";
import { FunctionNumbers } from "../worker/function-numbers.js";
import { ProcessAttempt } from "./attempt.js";
import {
  type CheckedProcessOptions,
  checkProcessOptions,
  type ProcessRunnerOptions,
  smallestProcessBytes,
} from "./options.js";
import { type ProcessOwner, type ReportedFailure, WorkerProcess } from "./worker-process.js";

export type { ProcessRunnerOptions };

export class ProcessRunner implements Runner, ProcessOwner {
  readonly kind = "process";
  readonly #options: CheckedProcessOptions;
  readonly #functions = new FunctionNumbers();
  readonly #workers = new Set<WorkerProcess>();
  readonly #queue: ProcessAttempt[] = [];
  #count = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  /** @throws InvalidOptionError */
  constructor(options: ProcessRunnerOptions = {}) {
    this.#options = checkProcessOptions(options);
    for (let count = 0; count < this.#options.minWorkers; count++)
      this.#grow(this.#options.memoryLimitBytes)?.hold(false);
  }

  /** Processes that exist. */
  get size(): number {
    return this.#workers.size;
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closed) throw new OrchestratorError("EXECUTOR_CLOSED", "the runner of processes is closed");
    const attempt = new ProcessAttempt(request, listener);
    this.#queue.push(attempt);
    this.#pump();
    return { abort: (reason) => this.#abort(attempt, reason) };
  }

  enforcement(): readonly LimitEnforcement[] {
    return processEnforcement({
      memoryFallback: { limit: "memory", by: "heap-limit", detail: "JavaScript heap only" },
      memoryDetail:
        "memory and swap of a process whose task declares memory, its children included; at least 64 MiB, which Node itself needs",
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    for (const attempt of this.#queue.splice(0)) attempt.end((listener) => listener.stopped());
    if (this.#workers.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      for (const worker of this.#workers) void worker.terminate(0);
    });
  }

  #abort(attempt: ProcessAttempt, reason: Error): void {
    if (attempt.aborted || attempt.over) return;
    attempt.aborted = true;
    const place = this.#queue.indexOf(attempt);
    if (place >= 0) {
      this.#queue.splice(place, 1);
      attempt.end((listener) => listener.stopped());
      return;
    }
    const worker = this.#workerOf(attempt);
    if (worker === undefined) return;
    worker.signalAbort(reason);
    attempt.graceTimer = setTimeout(() => void worker.terminate(this.#options.killGraceMs), this.#options.abortGraceMs);
  }

  #workerOf(attempt: ProcessAttempt): WorkerProcess | undefined {
    for (const worker of this.#workers) if (worker.attempt === attempt) return worker;
    return undefined;
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const attempt = this.#queue[0]!;
      const memoryBytes = this.#memoryFor(attempt.request);
      const worker = this.#idle(memoryBytes, attempt.request.affinity) ?? this.#grow(memoryBytes);
      if (worker === undefined) {
        this.#makeRoom(memoryBytes);
        return;
      }
      this.#queue.shift();
      this.#give(worker, attempt);
    }
  }

  #give(worker: WorkerProcess, attempt: ProcessAttempt): void {
    worker.warmKeys.add(attempt.request.affinity);
    try {
      worker.give(attempt);
    } catch (error) {
      attempt.end((listener) => listener.failed(inputsNotSerialisable(error)));
    }
  }

  #memoryFor({ memoryBytes }: AttemptRequest): number | undefined {
    return memoryBytes ? Math.max(memoryBytes, smallestProcessBytes) : this.#options.memoryLimitBytes;
  }

  /** An idle process of the limit; of several, one that served the key of affinity before. */
  #idle(memoryBytes: number | undefined, affinity: string | undefined): WorkerProcess | undefined {
    let idle: WorkerProcess | undefined;
    for (const worker of this.#workers) {
      if (worker.state !== "serving" || worker.attempt !== undefined || worker.memoryBytes !== memoryBytes) continue;
      if (affinity === undefined || worker.warmKeys.has(affinity)) return worker;
      idle ??= worker;
    }
    return idle;
  }

  #grow(memoryBytes: number | undefined): WorkerProcess | undefined {
    if (this.#workers.size >= this.#options.maxWorkers) return undefined;
    const { recycleAfterBytes } = this.#options;
    const options = { id: `process-${++this.#count}`, memoryBytes, recycleAfterBytes, functions: this.#functions };
    const worker = new WorkerProcess(options, this);
    this.#workers.add(worker);
    return worker;
  }

  /** Ends an idle process of another limit; the attempt that waits is given a new one when it is gone. */
  #makeRoom(memoryBytes: number | undefined): void {
    for (const worker of this.#workers) {
      if (worker.state === "retiring") return;
      if (worker.attempt !== undefined || worker.memoryBytes === memoryBytes) continue;
      void worker.terminate(0);
      return;
    }
  }

  attemptSucceeded(worker: WorkerProcess, attempt: ProcessAttempt, output: unknown, usage?: ResourceUsage): void {
    this.#over(worker, attempt, usage, (listener) => listener.succeeded(output, usage));
  }

  attemptFailed(worker: WorkerProcess, attempt: ProcessAttempt, message: ReportedFailure, usage?: ResourceUsage): void {
    const failure = reportedFailure(message[2], message[3], (attempt.request.work as ProcessWork).module);
    this.#over(worker, attempt, usage, (listener) =>
      listener.failed(usage === undefined ? failure : { ...failure, usage }),
    );
  }

  processEnded(worker: WorkerProcess, end: WorkerEnd, usage: ResourceUsage | undefined): void {
    this.#workers.delete(worker);
    const { attempt } = worker;
    worker.attempt = undefined;
    if (attempt !== undefined) {
      const failure = workerEndFailure(worker.id, end);
      attempt.end((listener) => {
        if (attempt.aborted || this.#closed) listener.stopped(usage);
        else listener.failed(usage === undefined ? failure : { ...failure, usage });
      });
    }
    if (this.#workers.size === 0) this.#onEmpty?.();
    if (this.#closed) return;
    // Not again at once what has just failed to come up.
    if (worker.wasReady)
      while (this.#workers.size < this.#options.minWorkers) this.#grow(this.#options.memoryLimitBytes)?.hold(false);
    this.#pump();
  }

  #over(
    worker: WorkerProcess,
    attempt: ProcessAttempt,
    usage: ResourceUsage | undefined,
    tell: (listener: AttemptListener) => void,
  ): void {
    if (worker.full || worker.given >= this.#options.recycleAfterTasks) void worker.terminate(0);
    else this.#nowIdle(worker);
    attempt.end((listener) => (attempt.aborted ? listener.stopped(usage) : tell(listener)));
    this.#pump();
  }

  #nowIdle(worker: WorkerProcess): void {
    worker.idleSinceMs = performance.now();
    worker.hold(false);
    if (this.#idleTimer !== undefined) return;
    this.#idleTimer = setTimeout(() => this.#endIdle(), this.#options.idleTimeoutMs);
    this.#idleTimer.unref();
  }

  #endIdle(): void {
    this.#idleTimer = undefined;
    const since = performance.now() - this.#options.idleTimeoutMs;
    let spare = this.#workers.size - this.#options.minWorkers;
    for (const worker of this.#workers) {
      if (worker.attempt !== undefined || worker.state !== "serving") continue;
      if (spare > 0 && worker.idleSinceMs <= since + 1) {
        spare--;
        void worker.terminate(0);
      } else this.#nowIdle(worker);
    }
  }
}
