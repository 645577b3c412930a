/**
 * The vm backend: each sandbox a virtual machine with a kernel of its own, restored from a snapshot for one run.
 *
 *     image (disk, kernel)  ->  boot, import what the view allows, wait at the gate  ->  snapshot
 *     snapshot  ->  restore, set the clock, give entropy and limits  ->  one run  ->  gone
 *
 * Inside a guest stands the wall of the process sandbox, made by the same code from the same recipe (`plan.ts`), and
 * around the guest stands another one: QEMU itself is a program in a process sandbox (`machine/machine.ts`).
 */
import { OrchestratorError } from "../../../model/error.js";
import { type SandboxExecutionResult, UnsupportedLimitError } from "../../../model/sandbox.js";
import { type BackendCapabilities, requireIsolation, requireLimits, type SandboxBackend } from "../../backend.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "../../config.js";
import { type Language, languageNamed } from "../../language.js";
import type { CodeRequest } from "../../request.js";
import type { PreparedRecipe } from "../../run/launched.js";
import { openSession } from "../../run/open-session.js";
import { orRelease, runPrepared } from "../../run/run-prepared.js";
import { WarmPool } from "../../run/warm-pool.js";
import type { SandboxSession, SessionOptions } from "../../session.js";
import type { ResolvedWarmOptions } from "../../warm-options.js";
import { ProcessBackend } from "../process/process-backend.js";
import { hardwareVirtualization, softwareEmulation } from "./accelerator.js";
import { vmCapabilities } from "./capabilities.js";
import { findImage, type VmImage, vmFolder } from "./image/image-store.js";
import { connected, makeVmRecipe, VmLauncher, type VmRecipe } from "./run/vm-launcher.js";
import { SnapshotStore } from "./snapshot/snapshot-store.js";

/** A waiting guest takes some 300 MB: one of each kind, and few in all. */
const mostSpares = 1;
const mostSparesInAll = 3;

/** An interpreter that is emulated may load its TLS for seconds between its tunnel and its hello. */
export const emulatedEgress = { openMs: 60_000 } as const;

export class VmBackend implements SandboxBackend {
  readonly name = "vm";
  /** Finds interpreters, views and networks, for guests as for processes. */
  readonly #host = new ProcessBackend();
  readonly #warmOptions: ResolvedWarmOptions;
  #parts: { readonly launcher: VmLauncher; readonly pool: WarmPool<VmRecipe> } | undefined;

  constructor(warm: ResolvedWarmOptions) {
    this.#warmOptions = warm;
  }

  capabilities(config: ResolvedSandboxConfig = resolveSandboxConfig()): Promise<BackendCapabilities> {
    return vmCapabilities(config.vm);
  }

  async check(config: ResolvedSandboxConfig): Promise<void> {
    const { available, reason, remedy, limits } = await this.capabilities(config);
    if (!available)
      throw new OrchestratorError("SANDBOX_FAILURE", `no virtual machine can be had here: ${reason}; ${remedy}`);
    requireIsolation(config.minIsolation, config.vm.accelerator === "kvm" ? "hardware" : "kernel", {
      reason: "an emulated machine is a program of the host",
      remedy: 'leave vm.accelerator at "kvm"',
    });
    if (!config.networkDisabled && config.allowedDomains.length === 0)
      throw new UnsupportedLimitError(
        "network",
        "a guest has no network device, and networkDisabled: false asks for the host's network",
        'name what is to be reached in allowedDomains, or use runtime: "process"',
      );
    requireLimits(config, limits);
  }

  async run(config: ResolvedSandboxConfig, request: CodeRequest): Promise<SandboxExecutionResult> {
    const prepared = await this.#prepare(config, request.language);
    const { launcher, pool } = this.#launchers();
    return runPrepared({
      prepared,
      launcher: connected(config.warm ? pool : launcher),
      config,
      request,
      clock: "ready",
    });
  }

  async createSession(config: ResolvedSandboxConfig, options: SessionOptions): Promise<SandboxSession> {
    const language = languageNamed(options.language ?? "python");
    const prepared = await this.#prepare(config, language);
    const { launcher, pool } = this.#launchers();
    return orRelease(prepared, () =>
      openSession(connected(pool), connected(launcher), { prepared, language, config, options }),
    );
  }

  async close(): Promise<void> {
    await this.#parts?.pool.close();
    await this.#host.close();
  }

  #launchers() {
    if (this.#parts === undefined) {
      const launcher = new VmLauncher(new SnapshotStore(vmFolder()));
      const { spares, maximumSpares, idleMs } = this.#warmOptions;
      const pool = new WarmPool(launcher, {
        spares: Math.min(spares, mostSpares),
        maximumSpares: Math.min(maximumSpares, mostSparesInAll),
        idleMs,
      });
      this.#parts = { launcher, pool };
    }
    return this.#parts;
  }

  async #prepare(config: ResolvedSandboxConfig, language: Language): Promise<PreparedRecipe<VmRecipe>> {
    const isEmulated = config.vm.accelerator === "software";
    const egress = isEmulated ? emulatedEgress : {};
    const { recipe: launch, denials, release } = await this.#host.prepare(config, language, egress);
    return orRelease({ release }, async () => {
      const accelerator = isEmulated ? softwareEmulation : hardwareVirtualization;
      const recipe = await makeVmRecipe(launch, requireImage(config.vm.image), accelerator);
      return { recipe, denials, release };
    });
  }
}

function requireImage(name: string): VmImage {
  const image = findImage(name);
  if ("missing" in image) throw new OrchestratorError("SANDBOX_FAILURE", `${image.missing}; ${image.remedy}`);
  return image;
}
