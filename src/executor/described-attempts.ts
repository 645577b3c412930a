/**
 * Hands attempts of described work to the runner of their kind, and turns what the runner tells into events. A report
 * counts once: after the end of its attempt nothing that comes is taken.
 */
import type { BatchWork } from "../model/batch.js";
import { asError, OrchestratorError } from "../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage } from "../model/result.js";
import type { CachePolicy } from "../model/task.js";
import type { DescribedWork, Inputs } from "../model/work.js";
import type { AttemptInterceptor } from "../port/interceptor.js";
import type { AttemptControl, AttemptFailure, AttemptListener, AttemptRequest, Runner } from "../port/runner.js";

/** What becomes of described attempts. */
export interface DescribedListener {
  /** The attempt is about to be given to the runner of batches, where it may wait for others. */
  describedBatched(task: number, work: BatchWork): void;
  describedStarted(task: number, attempt: number, workerId: string): void;
  describedSucceeded(task: number, attempt: number, output: unknown): void;
  describedFailed(task: number, attempt: number, failure: AttemptFailure): void;
  describedLost(task: number, attempt: number, error: Error): void;
  describedStopped(task: number, attempt: number): void;
  /** Called before every end of an attempt that has run. */
  describedRan(task: number, workerId: string, usage: ResourceUsage | undefined): void;
  /** How the task's present attempt is served. */
  describedNoted(task: number, facts: AttemptFacts): void;
  progressed(task: number, attempt: number, value: unknown): void;
  logged(task: number, attempt: number, stream: "stdout" | "stderr" | "log", text: string): void;
}

/** Work to hand over, or a promise of it where it is made when the task starts. */
export interface Handover {
  readonly work: DescribedWork | InlineWork;
  readonly inputs: Inputs;
  /** Where the task is cached. */
  readonly cache?: CachePolicy;
  readonly finish?: (output: unknown) => unknown;
}

export type RequestBase = Required<Omit<AttemptRequest, "work" | "inputs">>;

/** A function of this process, where it is handed over as other work is. */
export interface InlineWork {
  readonly kind: "inline";
  start(request: AttemptRequest, listener: AttemptListener): AttemptControl;
}

/** Where runners come from: at once where they are loaded. */
export interface RunnerSource {
  get(kind: string): Runner | Promise<Runner>;
  /** What serves attempts of tasks that are cached, where something does. */
  interceptor(): AttemptInterceptor | Promise<AttemptInterceptor> | undefined;
}

type Starter = Pick<Runner, "start">;

export class DescribedAttempts {
  readonly #runners: RunnerSource;
  readonly #listener: DescribedListener;
  readonly #active = new Map<number, Report>();

  constructor(runners: RunnerSource, listener: DescribedListener) {
    this.#runners = runners;
    this.#listener = listener;
  }

  start(task: number, base: RequestBase, handover: Handover | Promise<Handover>): void {
    const report = new Report(this.#listener, task, base.attempt, () => {
      if (this.#active.get(task) === report) this.#active.delete(task);
    });
    this.#active.set(task, report);
    if (handover instanceof Promise) {
      handover.then(
        (resolved) => this.#hand(report, base, resolved),
        (thrown) => report.failed({ error: asError(thrown), reason: reasonOf(thrown) }),
      );
    } else this.#hand(report, base, handover);
  }

  abort(task: number, reason: Error): void {
    this.#active.get(task)?.abort(reason);
  }

  hurry(task: number): void {
    this.#active.get(task)?.hurry();
  }

  #hand(report: Report, base: RequestBase, handover: Handover): void {
    if (report.over) return;
    const starter = this.#starterOf(report, handover);
    if (starter instanceof Promise) {
      starter.then(
        (loaded) => start(loaded, report, base, handover),
        (thrown) => report.failed({ error: asError(thrown), reason: reasonOf(thrown), retryable: false }),
      );
    } else start(starter, report, base, handover);
  }

  #starterOf(report: Report, { work, cache }: Handover): Starter | Promise<Starter> {
    const own = (): Starter | Promise<Starter> => this.#ownStarter(report, work);
    const interceptor = cache === undefined ? undefined : this.#runners.interceptor();
    if (interceptor === undefined) return own();
    // Its runner is not even loaded where the cache has what the task would give.
    if (interceptor instanceof Promise) return interceptor.then((loaded) => intercepted(loaded, cache!, own));
    return intercepted(interceptor, cache!, own);
  }

  #ownStarter(report: Report, work: DescribedWork | InlineWork): Starter | Promise<Starter> {
    if (work.kind === "inline") return work;
    const runner = this.#runners.get(work.kind);
    if (work.kind !== "batch") return runner;
    return runner instanceof Promise
      ? runner.then((loaded) => tellingOfBatch(loaded, report, work))
      : tellingOfBatch(runner, report, work);
  }
}

/** Tells when an attempt is given to the runner of batches, and not before: a cache may be asked first. */
function tellingOfBatch(runner: Runner, report: Report, work: BatchWork): Starter {
  return {
    start(request, listener) {
      report.batched(work);
      return runner.start(request, listener);
    },
  };
}

function start(starter: Starter, report: Report, base: RequestBase, { work, inputs, finish }: Handover): void {
  if (report.over) return;
  report.finish = finish;
  try {
    report.control = starter.start(requestOf(base, work as DescribedWork, inputs), report);
  } catch (thrown) {
    report.failed({ error: asError(thrown), reason: reasonOf(thrown) });
  }
}

/** Field by field, because a spread costs as much as the rest of a start. */
function requestOf(base: RequestBase, work: DescribedWork, inputs: Inputs): AttemptRequest {
  const { runId, taskId, name, attempt, trace, timeoutMs, memoryBytes, cpuCores, affinity, resources, resumable } =
    base;
  return {
    runId,
    taskId,
    name,
    attempt,
    work,
    inputs,
    trace,
    timeoutMs,
    memoryBytes,
    cpuCores,
    affinity,
    resources,
    resumable,
  };
}

function intercepted(
  interceptor: AttemptInterceptor,
  cache: CachePolicy,
  own: () => Starter | Promise<Starter>,
): Starter {
  return {
    start: (request, listener) =>
      interceptor.start({ ...request, cache }, listener, (executing) => startLater(own(), request, executing)),
  };
}

/** Starts an attempt when its runner is there. */
function startLater(
  starter: Starter | Promise<Starter>,
  request: AttemptRequest,
  listener: AttemptListener,
): AttemptControl {
  if (!(starter instanceof Promise)) return starter.start(request, listener);
  let aborted: Error | undefined;
  let hurried = false;
  let control: AttemptControl | undefined;
  starter
    .then((loaded) => {
      if (aborted !== undefined) {
        listener.stopped();
        return;
      }
      control = loaded.start(request, listener);
      if (hurried) control.hurry?.();
    })
    .catch((thrown) => listener.failed({ error: asError(thrown), reason: reasonOf(thrown), retryable: false }));
  return {
    abort(reason) {
      aborted = reason;
      control?.abort(reason);
    },
    hurry() {
      hurried = true;
      control?.hurry?.();
    },
  };
}

/** The reason of an attempt that threw. */
export function reasonOf(thrown: unknown): FailureReason {
  return (thrown instanceof OrchestratorError ? thrown.failureReason : undefined) ?? { kind: "error" };
}

class Report implements AttemptListener {
  readonly #listener: DescribedListener;
  readonly #task: number;
  readonly #attempt: number;
  readonly #onEnd: () => void;
  #workerId: string | undefined;
  #aborted: Error | undefined;
  #control: AttemptControl | undefined;
  #hurried = false;
  finish: ((output: unknown) => unknown) | undefined;
  over = false;

  constructor(listener: DescribedListener, task: number, attempt: number, onEnd: () => void) {
    this.#listener = listener;
    this.#task = task;
    this.#attempt = attempt;
    this.#onEnd = onEnd;
  }

  batched(work: BatchWork): void {
    if (!this.over) this.#listener.describedBatched(this.#task, work);
  }

  set control(control: AttemptControl) {
    this.#control = control;
    if (this.over) return;
    if (this.#aborted !== undefined) control.abort(this.#aborted);
    else if (this.#hurried) control.hurry?.();
  }

  /** Not to wait for others, now or when it is with its runner. */
  hurry(): void {
    this.#hurried = true;
    if (this.#aborted === undefined && !this.over) this.#control?.hurry?.();
  }

  abort(reason: Error): void {
    if (this.#aborted !== undefined || this.over) return;
    this.#aborted = reason;
    if (this.#control !== undefined) this.#control.abort(reason);
    // Not with a runner yet, so nothing runs.
    else this.stopped();
  }

  started(workerId: string): void {
    if (this.over || this.#workerId !== undefined) return;
    this.#workerId = workerId;
    this.#listener.describedStarted(this.#task, this.#attempt, workerId);
  }

  progress(value: unknown): void {
    if (!this.over) this.#listener.progressed(this.#task, this.#attempt, value);
  }

  log(stream: "stdout" | "stderr" | "log", text: string): void {
    if (!this.over) this.#listener.logged(this.#task, this.#attempt, stream, text);
  }

  noted(facts: AttemptFacts): void {
    if (!this.over) this.#listener.describedNoted(this.#task, facts);
  }

  succeeded(output: unknown, usage?: ResourceUsage): void {
    if (this.over) return;
    if (this.finish === undefined) {
      this.#end(usage);
      this.#listener.describedSucceeded(this.#task, this.#attempt, output);
      return;
    }
    const { finish } = this;
    this.finish = undefined;
    new Promise((resolve) => resolve(finish(output))).then(
      (finished) => this.succeeded(finished, usage),
      (thrown) =>
        this.failed({
          error: asError(thrown),
          reason: reasonOf(thrown),
          ...(usage === undefined ? undefined : { usage }),
        }),
    );
  }

  failed(failure: AttemptFailure): void {
    if (this.over) return;
    this.#end(failure.usage);
    this.#listener.describedFailed(this.#task, this.#attempt, failure);
  }

  lost(error: Error): void {
    if (this.over) return;
    this.#end(undefined);
    this.#listener.describedLost(this.#task, this.#attempt, error);
  }

  stopped(usage?: ResourceUsage): void {
    if (this.over) return;
    this.#end(usage);
    this.#listener.describedStopped(this.#task, this.#attempt);
  }

  #end(usage: ResourceUsage | undefined): void {
    this.over = true;
    this.#onEnd();
    if (this.#workerId !== undefined) this.#listener.describedRan(this.#task, this.#workerId, usage);
  }
}
