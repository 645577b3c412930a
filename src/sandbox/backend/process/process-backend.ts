/**
 * The process backend: sandboxes of the kernel's own walls (namespaces, cgroups, seccomp, Landlock), started by
 * bubblewrap or forked from a warm server. See `cold/launch-script.ts` for how one comes to be, and `run-code.ts` for
 * what happens in it.
 */
import { OrchestratorError } from "../../../model/error.js";
import type { SandboxExecutionResult } from "../../../model/sandbox.js";
import { type BackendCapabilities, requireIsolation, requireLimits, type SandboxBackend } from "../../backend.js";
import type { ResolvedSandboxConfig } from "../../config.js";
import type { Interpreter, Language } from "../../language.js";
import { languageNamed } from "../../language.js";
import { attachNetwork, type NetworkAttachment } from "../../network/attachment.js";
import type { EgressLimits } from "../../network/proxy.js";
import { type PackageView, PackageViews, sourcesWith } from "../../packages/index.js";
import { packagePart } from "../../packages/part.js";
import type { LaunchRecipe, RecipePart } from "../../recipe.js";
import type { CodeRequest } from "../../request.js";
import type { PreparedRecipe, SandboxLauncher } from "../../run/launched.js";
import { orRelease, runPrepared } from "../../run/run-prepared.js";
import type { SandboxSession, SessionOptions } from "../../session.js";
import { processCapabilities } from "./capabilities.js";
import { ColdLauncher } from "./cold/cold-launcher.js";
import { hiddenPackageFolders, makeRecipe, requireInterpreter } from "./make-recipe.js";
import { supervisorFolder } from "./supervisor-folder.js";
import { sweepOnce } from "./sweep.js";

/** Starts sandboxes ahead, and keeps sessions; see `warm/`. */
export interface WarmSupport {
  /** Gives a sandbox that was started ahead, or starts one. */
  readonly launcher: SandboxLauncher<LaunchRecipe>;
  openSession(
    prepared: PreparedRecipe<LaunchRecipe>,
    language: Language,
    config: ResolvedSandboxConfig,
    options: SessionOptions,
  ): Promise<SandboxSession>;
  close(): Promise<void>;
}

export interface ProcessBackendOptions {
  /** Made with the cold launcher; `undefined`: every start is cold, and there are no sessions. */
  readonly warm?: (cold: SandboxLauncher<LaunchRecipe>) => WarmSupport;
}

interface KnownRecipe {
  readonly language: Language;
  readonly view: PackageView | undefined;
  readonly recipe: LaunchRecipe;
  readonly madeAtMs: number;
}

/** How long a recipe is given again without looking at the folders that it hides, in milliseconds. */
const recipeTrustedForMs = 1000;

export class ProcessBackend implements SandboxBackend {
  readonly name = "process";
  readonly #cold = new ColdLauncher();
  readonly #warm: WarmSupport | undefined;
  readonly #views = new Map<string, PackageViews>();
  /** The last recipe of each configuration: runs that ask for the same have the very same object. */
  readonly #recipes = new WeakMap<ResolvedSandboxConfig, KnownRecipe>();

  constructor(options: ProcessBackendOptions = {}) {
    this.#warm = options.warm?.(this.#cold);
  }

  capabilities(): Promise<BackendCapabilities> {
    return processCapabilities();
  }

  async check(config: ResolvedSandboxConfig): Promise<void> {
    const { available, reason, remedy, limits } = await this.capabilities();
    if (!available)
      throw new OrchestratorError("SANDBOX_FAILURE", `no sandbox can be made of processes here: ${reason}; ${remedy}`);
    requireIsolation(config.minIsolation, "namespaces", {
      reason: "processes share the host's kernel",
      remedy: 'use the docker backend with gVisor (docker.runtime "runsc"), or the vm backend',
    });
    requireLimits(config, limits);
  }

  async run(config: ResolvedSandboxConfig, request: CodeRequest): Promise<SandboxExecutionResult> {
    const prepared = await this.prepare(config, request.language);
    const isPooled = config.warm && config.allowedDomains.length === 0;
    const launcher = isPooled ? (this.#warm?.launcher ?? this.#cold) : this.#cold;
    return runPrepared({ prepared, launcher, config, request, clock: "launch" });
  }

  async createSession(config: ResolvedSandboxConfig, options: SessionOptions): Promise<SandboxSession> {
    const language = languageNamed(options.language ?? "python");
    if (this.#warm === undefined)
      throw new OrchestratorError("SANDBOX_FAILURE", "this process backend was made without sessions");
    const prepared = await this.prepare(config, language);
    const warm = this.#warm;
    return orRelease(prepared, () => warm.openSession(prepared, language, config, options));
  }

  /**
   * Everything that decides what a sandbox of this configuration and language is.
   *
   * @param egress limits of the proxy of allowed domains where they are not the usual ones.
   */
  async prepare(
    config: ResolvedSandboxConfig,
    language: Language,
    egress: Partial<EgressLimits> = {},
  ): Promise<PreparedRecipe<LaunchRecipe>> {
    await sweepOnce();
    const interpreter = await requireInterpreter(language);
    const parts: RecipePart[] = [];
    const release = async () => {
      await Promise.all(parts.map((part) => part.close?.()));
    };
    return orRelease({ release }, async () => {
      let view: PackageView | undefined;
      if (language.name === "python" || language.name === "javascript") {
        const views = this.#viewsOf(language, interpreter, config.packageFolders);
        view = await views.view(language.name, config.allowedPackages);
        const known = this.#recipes.get(config);
        if (known !== undefined && isStillTrue(known, language, view))
          return { recipe: known.recipe, denials: () => undefined, release };
        parts.push(packagePart(view));
      }
      let network: NetworkAttachment | undefined;
      if (config.allowedDomains.length > 0) {
        network = await attachNetwork(config.allowedDomains, { directory: supervisorFolder().path, limits: egress });
        parts.push(network);
      }
      const recipe = makeRecipe(config, language, interpreter, parts, await hiddenPackageFolders());
      // A way to the network is made for one run.
      if (network === undefined) this.#recipes.set(config, { language, view, recipe, madeAtMs: performance.now() });
      return { recipe, denials: () => network?.denials, release };
    });
  }

  async close(): Promise<void> {
    await this.#warm?.close();
    await this.#cold.close();
  }

  #viewsOf(language: Language, interpreter: Interpreter, folders: readonly string[]): PackageViews {
    const python = language.name === "python" ? interpreter.path : undefined;
    const key = JSON.stringify([python, folders]);
    let views = this.#views.get(key);
    if (views === undefined) {
      views = new PackageViews(sourcesWith(python, folders));
      this.#views.set(key, views);
    }
    return views;
  }
}

function isStillTrue(known: KnownRecipe, language: Language, view: PackageView): boolean {
  return known.language === language && known.view === view && performance.now() - known.madeAtMs < recipeTrustedForMs;
}
