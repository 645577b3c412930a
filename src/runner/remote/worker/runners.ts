/** The runners of a worker, each loaded when the first attempt needs it: the same that carry out attempts on one machine. */
import { availableParallelism } from "node:os";
import type { DescribedWork } from "../../../model/work.js";
import type { Runner } from "../../../port/runner.js";

export class WorkerRunners {
  readonly #slots: number;
  readonly #threads: number;
  readonly #loading = new Map<string, Promise<Runner>>();
  readonly #runners = new Map<string, Runner>();

  constructor(slots: number) {
    this.#slots = slots;
    this.#threads = Math.min(slots, availableParallelism());
  }

  get(kind: DescribedWork["kind"]): Runner | Promise<Runner> {
    const loaded = this.#runners.get(kind) ?? this.#loading.get(kind);
    if (loaded !== undefined) return loaded;
    const loading = this.#load(kind).then((runner) => {
      this.#runners.set(kind, runner);
      return runner;
    });
    this.#loading.set(kind, loading);
    return loading;
  }

  async close(): Promise<void> {
    const runners = await Promise.allSettled(this.#loading.values());
    await Promise.all(runners.map((loaded) => (loaded.status === "fulfilled" ? loaded.value.close() : undefined)));
  }

  async #threadRunner(): Promise<Runner> {
    const { ThreadRunner } = await import("../../thread/thread-runner.js");
    // A thread takes several attempts at once, so more threads than CPUs would only take turns.
    return new ThreadRunner({ maxWorkers: this.#threads }, { gathersCalls: true });
  }

  async #load(kind: DescribedWork["kind"]): Promise<Runner> {
    switch (kind) {
      case "thread":
        return this.#threadRunner();
      case "process":
        return new (await import("../../process/process-runner.js")).ProcessRunner({ maxWorkers: this.#slots });
      case "command":
        return new (await import("../../command/command-runner.js")).CommandRunner();
      case "code":
        return new (await import("../../sandbox.js")).SandboxRunner({ maxConcurrent: this.#slots });
      case "batch":
        throw new Error("calls that are shared by tasks are made by the coordinator");
    }
  }
}
