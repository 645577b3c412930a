/** What a container is: every setting that holds it shut, from a recipe. */
import type { ResolvedLimits } from "../../config.js";
import { writableFolders } from "../../recipe.js";
import { ownLabels } from "./labels.js";

/** The user inside: nobody. */
export const containerUser = { uid: 65_534, gid: 65_534, name: "nobody" } as const;

export interface ContainerMount {
  readonly source: string;
  readonly target: string;
}

export interface ContainerSettings {
  readonly image: string;
  /** The whole command; the image's own entrypoint is not asked. */
  readonly command: readonly string[];
  /** All that is in it; what the image itself would add is named with `undefined`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limits: Pick<
    ResolvedLimits,
    "memoryBytes" | "cpuQuotaMicros" | "processes" | "fileSizeBytes" | "openFiles" | "diskBytes" | "inodes"
  >;
  /** Processes that the code's own limit does not count. */
  readonly processesOfTheWall: number;
  /** Folders that the image asks for volumes for: each is an empty one that nobody can write to. */
  readonly volumes: readonly string[];
  /** Files and sockets of this machine, read-only. */
  readonly mounts: readonly ContainerMount[];
  readonly shareNetwork: boolean;
  readonly seccomp: string;
  /** Podman knows no number of files of a tmpfs. */
  readonly countsInodes: boolean;
  readonly runtime: string | undefined;
}

/** As the Engine API takes it. */
export interface ContainerSpec {
  readonly Image: string;
  readonly [field: string]: unknown;
}

const periodMicros = 100_000;
/** What is unlimited could be set to anything by the code itself; no run comes to it. */
const longestCpuSeconds = 2_000_000;
/** The agent's own: streams, channel, and as far as the channel's number lies. */
const fewestOpenFiles = 1100;

export function containerSpec(settings: ContainerSettings): ContainerSpec {
  const { image, command, environment, limits, mounts, shareNetwork, seccomp, runtime } = settings;
  const { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes } = limits;
  // The folder itself is not the code's.
  const files = settings.countsInodes ? `nr_inodes=${inodes + 1},` : "";
  const folder = (options: string) => `rw,nosuid,nodev,${options}size=${diskBytes},${files}mode=1777`;
  const fixed = (Name: string, limit: number) => ({ Name, Soft: limit, Hard: limit });
  return {
    Image: image,
    Entrypoint: command,
    Cmd: [],
    // A name alone takes the image's own variable away.
    Env: Object.entries(environment).map(([name, value]) => (value === undefined ? name : `${name}=${value}`)),
    User: `${containerUser.uid}:${containerUser.gid}`,
    WorkingDir: "/",
    Hostname: "sandbox",
    Labels: ownLabels(),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    // Its input ends with the supervisor, and so does the agent.
    StdinOnce: true,
    Tty: false,
    StopSignal: "SIGKILL",
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: shareNetwork ? "host" : "none",
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges", `seccomp=${seccomp}`],
      Memory: memoryBytes,
      // With swap included, so that there is none.
      MemorySwap: memoryBytes,
      CpuPeriod: periodMicros,
      CpuQuota: cpuQuotaMicros,
      PidsLimit: processes + settings.processesOfTheWall,
      Tmpfs: {
        ...Object.fromEntries(settings.volumes.map((path) => [path, "ro,nosuid,nodev,noexec,size=4k,mode=555"])),
        [writableFolders.work]: folder("exec,"),
        [writableFolders.temporary]: folder("noexec,"),
        [writableFolders.sharedMemory]: folder("noexec,"),
      },
      Ulimits: [
        fixed("core", 0),
        fixed("cpu", longestCpuSeconds),
        fixed("fsize", fileSizeBytes),
        fixed("memlock", 65_536),
        fixed("nofile", Math.max(openFiles, fewestOpenFiles, openFiles > 1000 ? 66_100 : 0)),
      ],
      Mounts: mounts.map(({ source, target }) => ({ Type: "bind", Source: source, Target: target, ReadOnly: true })),
      // What the agent carries is read once and kept by nobody.
      LogConfig: { Type: "none", Config: {} },
      RestartPolicy: { Name: "no" },
      IpcMode: "private",
      // The agent is the first process, and reaps.
      Init: false,
      OomScoreAdj: 0,
      ...(runtime === undefined ? {} : { Runtime: runtime }),
    },
  };
}

/** Number of the channel's descriptor: beyond what the code may open. */
export function channelNumber(openFiles: number): number {
  return openFiles <= 1000 ? 1000 : 66_000;
}
