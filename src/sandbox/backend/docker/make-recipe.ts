/** From a configuration to a container: the image of its view, its environment, its command, and what it is shown. */
import { createHash } from "node:crypto";
import { OrchestratorError } from "../../../model/error.js";
import type { ResolvedSandboxConfig } from "../../config.js";
import type { Language } from "../../language.js";
import { insideProxy } from "../../network/attachment.js";
import { driverFolder, type RecipePart } from "../../recipe.js";
import { commonEnvironment } from "../process/make-recipe.js";
import type { DaemonInfo } from "./client/client.js";
import { type ContainerSettings, channelNumber, containerUser } from "./container-spec.js";
import { type Daemon, isGvisor, runtimeOf } from "./daemon.js";
import { describeContainerEnforcement } from "./enforcement.js";
import type { DockerRecipe } from "./run/docker-launcher.js";

/** The agent. */
const processesOfTheWall = 1;
/** gVisor's kernel is a program, whose threads the same limit counts: 20 were too few for it to start. */
const threadsOfGvisor = 128;

/** @param parts network attachments, made for this one sandbox. */
export async function makeDockerRecipe(
  daemon: Daemon,
  info: DaemonInfo,
  config: ResolvedSandboxConfig,
  language: Language,
  parts: readonly RecipePart[] = [],
): Promise<DockerRecipe> {
  const { limits, docker } = config;
  const seccomp = await daemon.seccomp();
  const runtime = runtimeOf(config, info);
  const name = docker.imageOf[language.name] ?? docker.imageOf.python!;
  const image = await daemon.images.require(name, docker.pull);
  const facts = await daemon.images.facts(image, await daemon.inspection(config.packageFolders));
  const interpreter = facts.interpreters.get(language.name);
  if (interpreter === undefined)
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `the image ${name} has no interpreter for ${language.name}; name one that has with docker.image, or make one: orchestrator images build --docker`,
    );
  const view = await daemon.images.resolve(image, facts, language, config.allowedPackages);
  const { id, variables, volumes } = await daemon.images.viewImage(image, facts, language, view);
  const hasProxy = parts.some((part) => part.waitForPort !== undefined);
  const shareNetwork = !config.networkDisabled && config.allowedDomains.length === 0;
  const settings: Omit<ContainerSettings, "command"> = {
    image: id,
    environment: {
      ...Object.fromEntries(variables.map((variable) => [variable, undefined])),
      ...commonEnvironment,
      PATH: "/usr/local/bin:/usr/bin:/bin",
      USER: containerUser.name,
      LOGNAME: containerUser.name,
      ...language.environment,
      ...view?.environment,
      ...Object.assign({}, ...parts.map((part) => part.environment)),
    },
    limits,
    // The relay to the proxy of allowed domains is one, too.
    processesOfTheWall: processesOfTheWall + (hasProxy ? 1 : 0) + (isGvisor(runtime, info) ? threadsOfGvisor : 0),
    volumes,
    mounts: parts.flatMap((part) => part.mounts.flatMap((mount) => ("source" in mount ? [mount] : []))),
    shareNetwork,
    seccomp,
    countsInodes: info.engine === "docker",
    runtime,
  };
  const relay = hasProxy ? [String(insideProxy.port), insideProxy.socket] : ["0", "-"];
  const channel = String(channelNumber(limits.openFiles));
  const agent = [
    "/usr/bin/perl",
    `${driverFolder}/agent.pl`,
    channel,
    String(limits.openFiles),
    String(limits.fileSizeBytes),
    ...relay,
  ];
  const driver = language.command({ ...interpreter, mounts: [], packageFolders: [] }, driverFolder);
  const warmDriver = language.name === "python" ? [...driver.slice(0, -1), `${driverFolder}/warm.py`] : driver;
  const command = { cold: [...agent, ...driver], warm: [...agent, ...warmDriver] };
  // Limits of output, value, time and artifacts are kept outside and differ from run to run of one recipe.
  const { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes } = limits;
  const kept = { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes };
  const shape = [{ ...settings, limits: kept, environment: Object.entries(settings.environment) }, command];
  return {
    key: createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, 32),
    settings,
    command,
    enforcement: describeContainerEnforcement(info, { runtime, shareNetwork, hasProxy }).map(
      ({ remedy: _remedy, ...enforcement }) => enforcement,
    ),
  };
}
