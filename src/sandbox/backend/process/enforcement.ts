/** What holds each limit of a run of the process backend on this host. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { detectCgroups } from "../../../host/cgroup/index.js";
import type { Enforcement } from "../../../model/sandbox.js";
import type { LaunchRecipe } from "../../recipe.js";

/** What the supervisor does for a host without cgroups; see `watch.ts`. */
const watchDetail =
  "the supervisor looks at the memory of all processes 100 times a second and ends the run, and a burst between two looks is not seen";
const dutyDetail = "the supervisor stops and continues the processes in turn";
const without = (reason: string | undefined) => `no cgroup holds it here (${reason ?? "none can be made"}), so `;

/** The enforcement of a run; of the host in general where there is no recipe. */
export function describeEnforcement(shape: Pick<LaunchRecipe, "shareNetwork" | "companions">): readonly Enforcement[] {
  const { memory, cpu, pids } = detectCgroups();
  const enforced = (limit: Enforcement["limit"], by: string, detail?: string): Enforcement => ({
    limit,
    by,
    strength: "enforced",
    ...(detail === undefined ? {} : { detail }),
  });
  return [
    memory.usable
      ? enforced("memoryLimit", memory.by!)
      : { limit: "memoryLimit", by: "watch", strength: "best-effort", detail: without(memory.reason) + watchDetail },
    cpu.usable
      ? enforced("cpuQuota", cpu.by!)
      : { limit: "cpuQuota", by: "duty-cycle", strength: "best-effort", detail: without(cpu.reason) + dutyDetail },
    enforced("timeLimit", "supervisor", "and by a process beside the sandbox, should the supervisor be stuck"),
    pids.usable
      ? enforced("processLimit", pids.by!)
      : enforced("processLimit", "rlimit", "counted for the sandbox's own user namespace"),
    enforced("fileSizeLimit", "rlimit"),
    enforced("openFilesLimit", "rlimit", "of each process"),
    enforced("diskLimit", "tmpfs"),
    enforced("inodeLimit", "tmpfs"),
    enforced("outputLimit", "supervisor"),
    networkOf(shape),
    enforced("filesystem", hasLandlock() ? "namespace+landlock" : "namespace"),
    enforced("syscalls", "seccomp"),
  ];
}

function networkOf(shape: Pick<LaunchRecipe, "shareNetwork" | "companions">): Enforcement {
  if (shape.shareNetwork)
    return {
      limit: "network",
      by: "none",
      strength: "none",
      detail: "networkDisabled: false shares the host's network",
    };
  const by = shape.companions.length > 0 ? "proxy" : "namespace";
  return { limit: "network", by, strength: "enforced" };
}

let landlock: boolean | undefined;

/** Whether the second wall stands: the kernel has Landlock switched on, and there is Perl to ask for it. */
export function hasLandlock(): boolean {
  landlock ??= existsSync("/usr/bin/perl") && landlockVersion() > 0;
  return landlock;
}

function landlockVersion(): number {
  const child = spawnSync("/usr/bin/perl", ["-e", "print syscall(444, 0, 0, 1)"], {
    env: {},
    encoding: "utf8",
    timeout: 5000,
  });
  return child.status === 0 ? Number(child.stdout) : 0;
}
