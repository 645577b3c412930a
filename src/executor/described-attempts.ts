/**
 * Hands attempts of described work to the runner of their kind, and turns what the runner tells into events. A report
 * counts once: after the end of its attempt nothing that comes is taken.
 */
import { asError, OrchestratorError } from "../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage } from "../model/result.js";
import type { DescribedWork, Inputs } from "../model/work.js";
import type { AttemptControl, AttemptFailure, AttemptListener, AttemptRequest, Runner } from "../port/runner.js";

/** What becomes of described attempts. */
export interface DescribedListener {
  /** The attempt is about to be given to the runner of its work. */
  describedHanded(task: number, work: DescribedWork): void;
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
  readonly work: DescribedWork;
  readonly inputs: Inputs;
  readonly finish?: (output: unknown) => unknown;
}

export type RequestBase = Omit<AttemptRequest, "work" | "inputs">;

/** Where runners come from: at once where they are loaded. */
export interface RunnerSource {
  get(kind: string): Runner | Promise<Runner>;
}

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
    const runner = this.#runners.get(handover.work.kind);
    if (runner instanceof Promise) {
      runner.then(
        (loaded) => start(loaded, report, base, handover),
        (thrown) => report.failed({ error: asError(thrown), reason: reasonOf(thrown), retryable: false }),
      );
    } else start(runner, report, base, handover);
  }
}

function start(runner: Runner, report: Report, base: RequestBase, { work, inputs, finish }: Handover): void {
  if (report.over) return;
  report.finish = finish;
  report.handed(work);
  try {
    report.control = runner.start({ ...base, work, inputs }, report);
  } catch (thrown) {
    report.failed({ error: asError(thrown), reason: reasonOf(thrown) });
  }
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

  handed(work: DescribedWork): void {
    this.#listener.describedHanded(this.#task, work);
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
