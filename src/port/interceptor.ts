/**
 * The port to whatever may serve an attempt instead of its runner: the cache. It is asked for tasks that ask for it, and
 * for no other.
 */
import type { CachePolicy } from "../model/task.js";
import type { DescribedWork } from "../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "./runner.js";

/** An attempt of a task that has the option `cache`. */
export interface InterceptedAttempt extends Omit<AttemptRequest, "work"> {
  /** What the attempt would carry out; a function of this process only by its kind. */
  readonly work: DescribedWork | { readonly kind: "inline" };
  readonly cache: CachePolicy;
}

export interface AttemptInterceptor {
  /**
   * Serves the attempt, and reports to `listener` as a runner does. `execute` starts the work itself, reporting to the
   * listener that it is given; what it started may go on for others when this attempt is aborted.
   */
  start(
    attempt: InterceptedAttempt,
    listener: AttemptListener,
    execute: (listener: AttemptListener) => AttemptControl,
  ): AttemptControl;
  close(): Promise<void>;
}
