/** Warm starts of the process backend: a pool of spares over a fork server for Python and cold starts for the others. */
import type { LaunchRecipe } from "../../../recipe.js";
import type { LaunchedSandbox, SandboxLauncher } from "../launched.js";
import type { WarmSupport } from "../process-backend.js";
import { ForkLauncher } from "./fork-launcher.js";
import { canFork } from "./make-plan.js";
import { WarmPool } from "./pool.js";
import { openSession } from "./session.js";

/** How much is kept warm. Every number has a default that suits a machine of a few cores. */
export interface WarmOptions {
  /** Spares of each kind of sandbox that is in use. */
  readonly spares?: number;
  /** Spares of all kinds together. A spare of Python takes some 15 MB, of JavaScript some 40 MB. */
  readonly maximumSpares?: number;
  /** Milliseconds after which spares of a kind that nobody asked for are given up. */
  readonly idleMs?: number;
  /** Fork servers at once, one for each view of packages. One with pandas takes some 70 MB. */
  readonly maximumServers?: number;
  /** Milliseconds after which a server that nobody used is ended. */
  readonly serverIdleMs?: number;
  /** Forks after which a server is replaced, so that layout of memory and hash seed are new. */
  readonly maximumForks?: number;
  readonly serverMemoryBytes?: number;
}

const defaults: Required<WarmOptions> = {
  spares: 2,
  maximumSpares: 8,
  idleMs: 60_000,
  maximumServers: 4,
  serverIdleMs: 300_000,
  maximumForks: 5000,
  serverMemoryBytes: 2 ** 30,
};

export function makeWarmSupport(cold: SandboxLauncher, options: WarmOptions = {}): WarmSupport {
  const settings = { ...defaults, ...options };
  const forks = new ForkLauncher({ ...settings, idleMs: settings.serverIdleMs });
  const router = new Router(forks, cold);
  const launcher = new WarmPool(router, settings);
  const killNow = () => forks.killNow();
  process.once("exit", killNow);
  return {
    launcher,
    openSession: (prepared, language, config, sessionOptions) =>
      openSession(launcher, cold, { prepared, language, config, options: sessionOptions }),
    async close() {
      await launcher.close();
      process.off("exit", killNow);
    },
  };
}

/** Forks what can be forked. Where a server cannot be had the start is cold, behind the same wall, and tried again later. */
class Router implements SandboxLauncher {
  readonly #forks: ForkLauncher;
  readonly #cold: SandboxLauncher;
  /** Until when a server is not tried again after it failed. */
  #pausedUntil = 0;
  #hasWarned = false;

  constructor(forks: ForkLauncher, cold: SandboxLauncher) {
    this.#forks = forks;
    this.#cold = cold;
  }

  async launch(recipe: LaunchRecipe): Promise<LaunchedSandbox> {
    if (!canFork(recipe) || performance.now() < this.#pausedUntil) return this.#cold.launch(recipe);
    try {
      return await this.#forks.launch(recipe);
    } catch (error) {
      this.#pausedUntil = performance.now() + pauseMs;
      this.#warn((error as Error).message);
      return this.#cold.launch(recipe);
    }
  }

  /** Slower is not weaker, but whoever runs the program will want to know why. */
  #warn(reason: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`sandboxes of Python are started cold: ${reason}`, { code: "ORCHESTRATOR_COLD_START" });
  }

  /** The cold launcher is its owner's to close. */
  close(): Promise<void> {
    return this.#forks.close();
  }
}

const pauseMs = 10_000;
