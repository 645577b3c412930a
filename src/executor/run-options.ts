/** Options of one run. */
import { Checker } from "../model/check.js";

export interface RunOptions {
  /** 1 to 200 letters, digits, dots, dashes and underscores. Default: a random UUID. */
  readonly runId?: string;
  /** Cancels the run when it aborts. */
  readonly signal?: AbortSignal;
}

const runIdForm = /^[\w.-]{1,200}$/;

/** @throws InvalidOptionError with everything that is wrong. */
export function checkRunOptions(options: RunOptions): void {
  const check = new Checker("run");
  if (check.object("", options, ["runId", "signal"])) {
    const { runId, signal } = options;
    if (runId !== undefined && (typeof runId !== "string" || !runIdForm.test(runId))) {
      check.report("runId", "takes 1 to 200 letters, digits, dots, dashes and underscores");
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) check.report("signal", "takes an AbortSignal");
  }
  check.finish();
}
