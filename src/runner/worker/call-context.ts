/** The context that an attempt's function is given inside a worker. */
import type { WorkerContext } from "../../model/context.js";

export interface CallReporter {
  progress(call: CallContext, value: unknown): void;
  log(call: CallContext, text: string): void;
}

export interface CallIdentity {
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

/**
 * Cheap to make, because each attempt has one: the signal and the functions come into being when they are first asked
 * for. They are getters, so that `({ rows }, { signal, log })` works.
 */
export class CallContext implements WorkerContext {
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly trace?: Readonly<Record<string, string>>;
  /** @internal Cleared when the attempt ends: what it left running can report no more. */
  slot: number;
  /** @internal */
  aborted: Error | undefined;
  readonly #reporter: CallReporter;
  #controller: AbortController | undefined;

  constructor(reporter: CallReporter, slot: number, identity: CallIdentity) {
    const { runId, taskId, attempt, trace } = identity;
    this.#reporter = reporter;
    this.slot = slot;
    this.runId = runId;
    this.taskId = taskId;
    this.attempt = attempt;
    if (trace !== undefined) this.trace = trace;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get progress(): (value: unknown) => void {
    return (value) => this.#reporter.progress(this, value);
  }

  get log(): (message: string) => void {
    return (message) => this.#reporter.log(this, message);
  }

  /** @internal */
  abort(reason: Error): void {
    this.aborted = reason;
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}
