/** What the docker backend can do: a daemon answers, its containers have been tried, and its images speak. */
import type { BackendCapabilities, LanguageCapability } from "../../backend.js";
import type { ResolvedSandboxConfig } from "../../config.js";
import { defaultDockerImageName } from "../../docker-options.js";
import { languageNames } from "../../language.js";
import type { DaemonInfo } from "./client/client.js";
import { type Daemon, isolationOf, runtimeOf } from "./daemon.js";
import { describeContainerEnforcement } from "./enforcement.js";
import { wallProblemIfThere } from "./prove-wall.js";

const howToStart = "install and start Docker Engine (apt-get install docker.io), or use the process or the vm backend";

export async function dockerCapabilities(
  open: () => Promise<Daemon>,
  config: ResolvedSandboxConfig,
): Promise<BackendCapabilities> {
  const nothing = { backend: "docker", available: false, limits: [], languages: [] } as const;
  let daemon: Daemon;
  let info: DaemonInfo;
  try {
    daemon = await open();
    info = await daemon.client.info();
  } catch (error) {
    const [reason = "", remedy = howToStart] = (error as Error).message.split(/; (.*)/s);
    return { ...nothing, reason, remedy };
  }
  const languages = await Promise.all(languageNames().map((name) => languageCapability(daemon, config, name)));
  if (info.OSType !== "linux")
    return {
      ...nothing,
      languages,
      reason: `its containers are of ${info.OSType}`,
      remedy: "switch it to Linux containers",
    };
  const problem = await wallProblemIfThere(daemon, info, config).catch((error: Error) => error.message);
  if (problem !== undefined)
    return { ...nothing, languages, reason: problem, remedy: "look at the daemon's settings and its host" };
  const runtime = runtimeOf(config, info);
  const limits = describeContainerEnforcement(info, { runtime, shareNetwork: false, hasProxy: false });
  return { backend: "docker", available: true, isolation: isolationOf(runtime, info), limits, languages };
}

async function languageCapability(
  daemon: Daemon,
  { docker, packageFolders }: ResolvedSandboxConfig,
  language: string,
): Promise<LanguageCapability> {
  const name = docker.imageOf[language] ?? docker.imageOf.python!;
  const another = `name an image that has it with docker.image, or make one: orchestrator images build --docker makes ${JSON.stringify(defaultDockerImageName)}`;
  try {
    const image = await daemon.images.find(name);
    if (image === undefined)
      return {
        language,
        missing: `the daemon has no image ${name} yet`,
        remedy:
          docker.pull === "never"
            ? another
            : `it is pulled at its first use, or now by docker pull ${name}; or ${another}`,
      };
    const facts = await daemon.images.facts(image, await daemon.inspection(packageFolders));
    const found = facts.interpreters.get(language);
    if (found === undefined) return { language, missing: `the image ${name} has none`, remedy: another };
    return { language, version: found.version };
  } catch (error) {
    return { language, missing: (error as Error).message, remedy: another };
  }
}
