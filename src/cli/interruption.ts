/**
 * Ctrl-C during a run. The first cancels it: nothing more starts, what runs is stopped, and the run still tells what it
 * did. The second ends this process at once, with all that it has started.
 */
import { constants } from "node:os";
import type { Run } from "../executor/run.js";
import { exitCode } from "./exit-code.js";
import { killDescendants } from "./kill-descendants.js";
import type { RunReporter } from "./render/reporter.js";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Interruption {
  /** Whether a signal came. */
  happened = false;
  readonly #run: Run;
  readonly #reporter: RunReporter;
  readonly #listener = (signal: NodeJS.Signals): void => this.#received(signal);

  constructor(run: Run, reporter: RunReporter) {
    this.#run = run;
    this.#reporter = reporter;
    for (const signal of signals) process.on(signal, this.#listener);
  }

  stop(): void {
    for (const signal of signals) process.off(signal, this.#listener);
  }

  #received(signal: NodeJS.Signals): void {
    if (this.happened) this.#kill(signal);
    this.happened = true;
    const running = this.#reporter.progress.running.size;
    this.#reporter.notice(
      `Stopping ${running} running ${running === 1 ? "task" : "tasks"}; press Ctrl-C again to kill`,
    );
    this.#run.cancel(`interrupted by ${signal}`);
  }

  #kill(signal: NodeJS.Signals): void {
    this.#reporter.stop();
    killDescendants();
    process.exit(signal === "SIGINT" ? exitCode.interrupted : 128 + constants.signals[signal]);
  }
}
