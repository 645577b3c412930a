/** One daemon as the backend sees it: what it can hold, its images, and sandboxes on it, cold and warm. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OrchestratorError } from "../../../model/error.js";
import type { SandboxIsolation } from "../../../model/sandbox.js";
import type { ResolvedSandboxConfig } from "../../config.js";
import { WarmPool } from "../../run/warm-pool.js";
import type { ResolvedWarmOptions } from "../../warm-options.js";
import { supervisorFolder } from "../process/supervisor-folder.js";
import { type DaemonInfo, DockerClient } from "./client/client.js";
import { Images } from "./image/images.js";
import type { InspectionSettings } from "./image/inspect-image.js";
import { DockerLauncher, type DockerRecipe } from "./run/docker-launcher.js";
import { seccompProfile } from "./seccomp-profile.js";
import { sweepDocker } from "./sweep.js";

/** A container that waits takes some 10 to 100 MB. */
const mostSparesInAll = 8;

export class Daemon {
  readonly client: DockerClient;
  readonly images: Images;
  readonly cold: DockerLauncher;
  readonly warm: WarmPool<DockerRecipe>;
  #swept: Promise<unknown> | undefined;
  #info: Promise<DaemonInfo> | undefined;
  #seccomp: Promise<string> | undefined;

  private constructor(client: DockerClient, { spares, maximumSpares, idleMs }: ResolvedWarmOptions) {
    this.client = client;
    this.images = new Images(client);
    this.cold = new DockerLauncher(client, "cold");
    this.warm = new WarmPool(new DockerLauncher(client, "warm"), {
      spares,
      maximumSpares: Math.min(maximumSpares, mostSparesInAll),
      idleMs,
    });
  }

  static async open(host: string | undefined, warm: ResolvedWarmOptions): Promise<Daemon> {
    return new Daemon(await DockerClient.open(host), warm);
  }

  /** What it said of itself when it was first asked. */
  info(): Promise<DaemonInfo> {
    if (this.#info === undefined) {
      this.#info = this.client.info();
      this.#info.catch(() => {
        this.#info = undefined;
      });
    }
    return this.#info;
  }

  /** The filter of system calls, as its containers are told of it. */
  seccomp(): Promise<string> {
    if (this.#seccomp === undefined) {
      this.#seccomp = this.#findSeccomp();
      this.#seccomp.catch(() => {
        this.#seccomp = undefined;
      });
    }
    return this.#seccomp;
  }

  /** How images are asked what they have. */
  async inspection(folders: readonly string[]): Promise<InspectionSettings> {
    const [{ engine }, seccomp] = await Promise.all([this.info(), this.seccomp()]);
    return { folders, seccomp, countsInodes: engine === "docker" };
  }

  /** Docker takes the profile itself, Podman the path of a file of its own host. */
  async #findSeccomp(): Promise<string> {
    const { Architecture, engine } = await this.info();
    const profile = seccompProfile(Architecture);
    if (engine === "docker") return profile;
    if (!this.client.endpoint.isLocal)
      throw new OrchestratorError(
        "SANDBOX_FAILURE",
        "Podman takes the filter of system calls from a file of its own host, so that it must be on this machine; name its socket with docker.host, or use Docker",
      );
    const path = join(supervisorFolder().path, `seccomp-${Architecture}.json`);
    writeFileSync(path, profile, { mode: 0o444 });
    return path;
  }

  /** Once, before the first sandbox. What is left of others harms nobody, so that failing to remove it is no failure. */
  async sweepOnce(): Promise<void> {
    this.#swept ??= sweepDocker(this.client).catch(() => {
      this.#swept = undefined;
    });
    await this.#swept;
  }

  async close(): Promise<void> {
    await Promise.all([this.warm.close(), this.cold.close()]);
    this.client.close();
  }
}

/** The runtime that a configuration comes to: its own, or gVisor where a kernel of the sandbox's own is asked for. */
export function runtimeOf(config: ResolvedSandboxConfig, info: DaemonInfo): string | undefined {
  if (config.docker.runtime !== undefined) return config.docker.runtime;
  if (config.minIsolation === "namespaces") return undefined;
  return Object.keys(info.Runtimes ?? {}).find((name) => isGvisor(name, info));
}

export function isGvisor(runtime: string | undefined, info: DaemonInfo): boolean {
  const name = runtime ?? info.DefaultRuntime ?? "";
  const path = info.Runtimes?.[name]?.path ?? "";
  return name.startsWith("runsc") || /(?:^|\/)runsc(?:-[\w-]+)?$/.test(path);
}

export function isolationOf(runtime: string | undefined, info: DaemonInfo): SandboxIsolation {
  return isGvisor(runtime, info) ? "kernel" : "namespaces";
}
