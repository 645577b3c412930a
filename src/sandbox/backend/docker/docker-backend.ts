/**
 * The docker backend: each sandbox a container of a Docker daemon, or of Podman's compatible one, used once.
 *
 *     image -> view of its packages, as an image -> container -> agent -> driver -> one run -> gone
 *
 * The daemon is spoken to over its API. What is in a container is read-only but for three folders in memory, has no
 * network, no capability and nobody's user; the line to its agent is its standard streams (see agent/agent.pl).
 */
import { OrchestratorError } from "../../../model/error.js";
import { type SandboxExecutionResult, UnsupportedLimitError } from "../../../model/sandbox.js";
import { type BackendCapabilities, requireIsolation, requireLimits, type SandboxBackend } from "../../backend.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "../../config.js";
import { type Language, languageNamed } from "../../language.js";
import { attachNetwork, type NetworkAttachment } from "../../network/attachment.js";
import type { CodeRequest } from "../../request.js";
import type { PreparedRecipe } from "../../run/launched.js";
import { openSession } from "../../run/open-session.js";
import { orRelease, runPrepared } from "../../run/run-prepared.js";
import type { SandboxSession, SessionOptions } from "../../session.js";
import type { ResolvedWarmOptions } from "../../warm-options.js";
import { supervisorFolder } from "../process/supervisor-folder.js";
import { dockerCapabilities } from "./capabilities.js";
import type { DaemonInfo } from "./client/client.js";
import { Daemon, isGvisor, isolationOf, runtimeOf } from "./daemon.js";
import { describeContainerEnforcement } from "./enforcement.js";
import { makeDockerRecipe } from "./make-recipe.js";
import { requireWall, wallProblemIfThere } from "./prove-wall.js";
import type { DockerRecipe } from "./run/docker-launcher.js";

export class DockerBackend implements SandboxBackend {
  readonly name = "docker";
  readonly #warm: ResolvedWarmOptions;
  /** By what was configured as `docker.host`. */
  readonly #daemons = new Map<string, Promise<Daemon>>();

  constructor(warm: ResolvedWarmOptions) {
    this.#warm = warm;
  }

  async capabilities(config: ResolvedSandboxConfig = resolveSandboxConfig()): Promise<BackendCapabilities> {
    return dockerCapabilities(() => this.#daemon(config), config);
  }

  /** Nothing is pulled for it: what is not known of an image that is not there is found out at its first use. */
  async check(config: ResolvedSandboxConfig): Promise<void> {
    const daemon = await this.#daemon(config);
    const info = await daemon.client.info();
    this.#refuse(config, info, daemon);
    const problem = await wallProblemIfThere(daemon, info, config);
    if (problem !== undefined) throw new OrchestratorError("SANDBOX_FAILURE", problem);
  }

  async run(config: ResolvedSandboxConfig, request: CodeRequest): Promise<SandboxExecutionResult> {
    const { daemon, prepared } = await this.#prepare(config, request.language);
    const isPooled = config.warm && config.allowedDomains.length === 0;
    return runPrepared({
      prepared,
      launcher: isPooled ? daemon.warm : daemon.cold,
      config,
      request,
      clock: "ready",
    });
  }

  async createSession(config: ResolvedSandboxConfig, options: SessionOptions): Promise<SandboxSession> {
    const language = languageNamed(options.language ?? "python");
    const { daemon, prepared } = await this.#prepare(config, language);
    return orRelease(prepared, () => openSession(daemon.warm, daemon.cold, { prepared, language, config, options }));
  }

  async close(): Promise<void> {
    const daemons = [...this.#daemons.values()];
    this.#daemons.clear();
    await Promise.all(daemons.map(async (daemon) => (await daemon.catch(() => undefined))?.close()));
  }

  #daemon({ docker }: ResolvedSandboxConfig): Promise<Daemon> {
    const key = docker.host ?? "";
    const known = this.#daemons.get(key);
    if (known !== undefined) return known;
    const opened = Daemon.open(docker.host, this.#warm);
    this.#daemons.set(key, opened);
    opened.catch(() => this.#daemons.delete(key));
    return opened;
  }

  #refuse(config: ResolvedSandboxConfig, info: DaemonInfo, daemon: Daemon): void {
    if (info.OSType !== "linux")
      throw new OrchestratorError(
        "SANDBOX_FAILURE",
        `the daemon's containers are of ${info.OSType}, and sandboxes are of Linux`,
      );
    const runtime = runtimeOf(config, info);
    if (runtime !== undefined && info.Runtimes?.[runtime] === undefined)
      throw new OrchestratorError(
        "SANDBOX_FAILURE",
        `the daemon has no runtime ${runtime}, but ${Object.keys(info.Runtimes ?? {}).join(", ")}; add it to the daemon's settings ("runtimes" in daemon.json), or leave docker.runtime out`,
      );
    requireIsolation(config.minIsolation, isolationOf(runtime, info), {
      reason: "containers of the daemon's runtime share its host's kernel",
      remedy: "install gVisor and add its runtime to the daemon (docker.runtime), or use the vm backend",
    });
    if (config.allowedDomains.length > 0) refuseWithoutSocket(runtime, info, daemon);
    requireLimits(config, describeContainerEnforcement(info, { runtime, shareNetwork: false, hasProxy: false }));
  }

  async #prepare(
    config: ResolvedSandboxConfig,
    language: Language,
  ): Promise<{ readonly daemon: Daemon; readonly prepared: PreparedRecipe<DockerRecipe> }> {
    const daemon = await this.#daemon(config);
    await daemon.sweepOnce();
    const info = await daemon.info();
    await requireWall(daemon, info, config);
    let network: NetworkAttachment | undefined;
    const release = async () => network?.close();
    return orRelease({ release }, async () => {
      if (config.allowedDomains.length > 0)
        network = await attachNetwork(config.allowedDomains, { directory: supervisorFolder().path });
      const parts = network === undefined ? [] : [network];
      const recipe = await makeDockerRecipe(daemon, info, config, language, parts);
      return { daemon, prepared: { recipe, denials: () => network?.denials, release } };
    });
  }
}

/** Allowed domains are reached through a proxy's socket of this machine. */
function refuseWithoutSocket(runtime: string | undefined, info: DaemonInfo, daemon: Daemon): void {
  const reason = !daemon.client.endpoint.isLocal
    ? "the proxy of allowedDomains is a socket of this machine, which a daemon elsewhere cannot show"
    : isGvisor(runtime, info)
      ? "gVisor does not let a sandbox connect to a socket of the host, which the proxy of allowedDomains is"
      : undefined;
  if (reason !== undefined)
    throw new UnsupportedLimitError("network", reason, 'leave allowedDomains out, or use runtime: "process"');
}
