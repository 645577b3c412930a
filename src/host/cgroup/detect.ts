/**
 * Which limits this host's cgroups can hold, by trying: a group is made, each limit is set and read back, and a real
 * process enters. A mounted controller or an existing file proves nothing: the mount may be read-only, the group not
 * delegated, the write refused.
 */
import { spawnSync } from "node:child_process";
import { type ControllerName, controllerNames, dialects } from "./controller.js";
import { enterCgroup } from "./enter.js";
import { createCgroup, hostLayout } from "./group.js";

export interface ControllerSupport {
  readonly usable: boolean;
  /** What holds the limit, in the words of `LimitEnforcement.by`. */
  readonly by?: "cgroup-v1" | "cgroup-v2";
  /** Why it is not usable. */
  readonly reason?: string;
  /** What the operator can do about it. */
  readonly remedy?: string;
}

export interface CgroupSupport extends Readonly<Record<ControllerName, ControllerSupport>> {
  /** `"hybrid"`: v1 controllers with a v2 tree beside them. `"none"`: no group can be made. */
  readonly version: "v1" | "v2" | "hybrid" | "none";
  /** How a whole group is killed: at a stroke, frozen and then one by one, or one by one in rounds. `"none"` where no group can be made. */
  readonly kill: "cgroup.kill" | "freezer" | "rounds" | "none";
}

let cached: CgroupSupport | undefined;

/** Probes once for this process (some 10 ms) and answers from memory afterwards. */
export function detectCgroups(): CgroupSupport {
  cached ??= probeAll();
  return cached;
}

function probeAll(): CgroupSupport {
  const { controllers, missing, kill, freezer } = hostLayout();
  const support = {} as Record<ControllerName, ControllerSupport>;
  for (const controller of controllerNames) {
    const place = controllers[controller];
    const reason = place === undefined ? missing[controller]! : probe(controller, place.version);
    support[controller] =
      reason === undefined ? { usable: true, by: `cgroup-${place!.version}` } : { usable: false, reason, remedy };
  }
  const versions = new Set(controllerNames.filter((name) => support[name].usable).map((name) => support[name].by));
  const any = versions.size > 0 || (kill !== undefined && probe("none", "v2") === undefined);
  return {
    ...support,
    version: !any ? "none" : !versions.has("cgroup-v1") ? "v2" : kill === undefined ? "v1" : "hybrid",
    kill: !any ? "none" : kill !== undefined ? "cgroup.kill" : freezer !== undefined ? "freezer" : "rounds",
  };
}

const remedy =
  "run as root, or in a delegated group: `systemd-run --user --scope -p Delegate=yes COMMAND`; " +
  "in a container, mount /sys/fs/cgroup writable (for Docker: `--cgroupns private` with a writable cgroup mount)";

const probeLimits: Readonly<Record<ControllerName, object>> = {
  memory: { memoryBytes: 64 * 2 ** 20 },
  cpu: { cpuQuotaMicroseconds: 50_000 },
  pids: { pids: 16 },
};

/** Why the controller cannot be used; `undefined` where it can. */
function probe(controller: ControllerName | "none", version: "v1" | "v2"): string | undefined {
  let group: ReturnType<typeof createCgroup>;
  try {
    group = createCgroup({ name: `probe-${controller}`, ...(controller === "none" ? {} : probeLimits[controller]) });
  } catch (error) {
    return `a group could not be made: ${(error as Error).message}`;
  }
  try {
    return refusalToHold(controller, version, group.procsFiles) ?? refusalToEnter(group);
  } finally {
    // The process inside has ended and been reaped, so one try is enough; a sweep would find what is left.
    group.destroy(1000).catch(() => {});
  }
}

function refusalToHold(
  controller: ControllerName | "none",
  version: "v1" | "v2",
  procsFiles: readonly string[],
): string | undefined {
  if (controller === "none") return undefined;
  const { memoryLimit, cpuQuota, pidsLimit } = dialects[version];
  const read = { memory: memoryLimit, cpu: cpuQuota, pids: pidsLimit }[controller];
  const [wanted] = Object.values(probeLimits[controller]);
  const held = procsFiles.some((file) => read(file.slice(0, -"/cgroup.procs".length)) === wanted);
  return held ? undefined : `the ${controller} limit was written but reads back differently`;
}

function refusalToEnter(group: { name: string; procsFiles: readonly string[] }): string | undefined {
  const [shell, ...rest] = enterCgroup(group, ["cat", "/proc/self/cgroup"]);
  const child = spawnSync(shell!, rest, { encoding: "utf8", timeout: 5000, env: { PATH: "/usr/bin:/bin" } });
  if (child.error !== undefined) return `no process could be started to enter a group: ${child.error.message}`;
  if (child.status !== 0) return `a process could not enter a group: ${child.stderr.trim()}`;
  const entered = child.stdout.split("\n").filter((line) => line.endsWith(`/${group.name}`)).length;
  return entered > 0 ? undefined : "a process wrote itself into a group and is not in it";
}
