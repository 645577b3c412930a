/** The one place where the executor meets concrete runners. Each is made when the first attempt needs it. */
import type { Runner } from "../port/runner.js";
import type { ResolvedConfig } from "./config.js";

export class RunnerSet {
  readonly runners: ReadonlyMap<string, Runner>;
  readonly #config: ResolvedConfig;

  constructor(config: ResolvedConfig) {
    this.#config = config;
    this.runners = new Map();
  }

  /** Why work of this kind cannot be run, or `undefined` where it can. */
  refuse(kind: string): string | undefined {
    if (this.#config.mode === "sandboxed" && kind !== "code") return `run: ${kind} work cannot run in mode "sandboxed"`;
    return undefined;
  }

  async close(): Promise<void> {
    for (const runner of this.runners.values()) await runner.close();
  }
}
