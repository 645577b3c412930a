/** Warm starts of the process backend: a pool of spares over a fork server for Python and cold starts for the others. */
import type { LaunchRecipe } from "../../../recipe.js";
import type { LaunchedSandbox, LaunchOptions, SandboxLauncher } from "../../../run/launched.js";
import { openSession } from "../../../run/open-session.js";
import { WarmPool } from "../../../run/warm-pool.js";
import type { ResolvedWarmOptions } from "../../../warm-options.js";
import type { WarmSupport } from "../process-backend.js";
import { ForkLauncher } from "./fork-launcher.js";
import { canFork } from "./make-plan.js";

export function makeWarmSupport(cold: SandboxLauncher<LaunchRecipe>, settings: ResolvedWarmOptions): WarmSupport {
  const forks = new ForkLauncher({ ...settings, idleMs: settings.serverIdleMs });
  const router = new Router(forks, cold);
  const launcher = new WarmPool(router, settings);
  atExit.add(forks);
  listenForExit();
  return {
    launcher,
    openSession: (prepared, language, config, sessionOptions) =>
      openSession(launcher, cold, { prepared, language, config, options: sessionOptions }),
    async close() {
      await launcher.close();
      atExit.delete(forks);
    },
  };
}

const atExit = new Set<ForkLauncher>();
let listens = false;

/** A program that ends without closing leaves no server behind. One listener for all, or Node takes them for a leak. */
function listenForExit(): void {
  if (listens) return;
  listens = true;
  process.once("exit", () => {
    for (const forks of atExit) forks.killNow();
  });
}

/** Forks what can be forked. Where a server cannot be had the start is cold, behind the same wall, and tried again later. */
class Router implements SandboxLauncher<LaunchRecipe> {
  readonly #forks: ForkLauncher;
  readonly #cold: SandboxLauncher<LaunchRecipe>;
  /** Until when a server is not tried again after it failed. */
  #pausedUntil = 0;
  #hasWarned = false;

  constructor(forks: ForkLauncher, cold: SandboxLauncher<LaunchRecipe>) {
    this.#forks = forks;
    this.#cold = cold;
  }

  async launch(recipe: LaunchRecipe, options?: LaunchOptions): Promise<LaunchedSandbox> {
    if (!canFork(recipe) || performance.now() < this.#pausedUntil) return this.#cold.launch(recipe);
    try {
      return await this.#forks.launch(recipe, options);
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
