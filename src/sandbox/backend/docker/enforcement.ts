/** What holds each limit of a container, by what the daemon says of its host. */
import type { LimitCapability } from "../../backend.js";
import type { DaemonInfo } from "./client/client.js";
import { isGvisor } from "./daemon.js";

export interface ContainerShape {
  readonly runtime: string | undefined;
  readonly shareNetwork: boolean;
  readonly hasProxy: boolean;
}

export function describeContainerEnforcement(info: DaemonInfo, shape: ContainerShape): readonly LimitCapability[] {
  const { runtime, shareNetwork, hasProxy } = shape;
  const gvisor = isGvisor(runtime, info);
  const group = `cgroup-v${info.CgroupVersion ?? "1"}`;
  const enforced = (limit: LimitCapability["limit"], by: string, detail?: string): LimitCapability => ({
    limit,
    by,
    strength: "enforced",
    ...(detail === undefined ? {} : { detail }),
  });
  /** What the daemon's host has no controller for, the daemon leaves out with a warning that nobody reads. */
  const byGroup = (limit: LimitCapability["limit"], usable: boolean | undefined, what: string): LimitCapability =>
    usable === false
      ? {
          limit,
          by: "none",
          strength: "none",
          detail: `the daemon's host has no ${what}`,
          remedy: `give the daemon's host the ${what} (see "docker info")`,
        }
      : enforced(limit, group);
  const memory = byGroup("memoryLimit", info.MemoryLimit, "memory controller");
  return [
    memory.strength === "enforced" && info.SwapLimit === false
      ? {
          ...memory,
          strength: "best-effort",
          detail: "the daemon's host does not count swap",
          remedy: "boot it with swapaccount=1, or without swap",
        }
      : memory,
    byGroup("cpuQuota", info.CpuCfsQuota, "CPU quota"),
    enforced("timeLimit", "supervisor", "and by the container's agent, should the supervisor be stuck"),
    gvisor
      ? {
          limit: "processLimit",
          by: group,
          strength: "best-effort",
          detail: "the threads of gVisor's kernel are counted with those of the code, and have room of their own",
          remedy: "use the daemon's own runtime",
        }
      : byGroup("processLimit", info.PidsLimit, "pids controller"),
    enforced("fileSizeLimit", "rlimit"),
    enforced("openFilesLimit", "rlimit", "of each process"),
    enforced("diskLimit", "tmpfs", "each writable folder for itself"),
    gvisor || info.engine === "podman"
      ? {
          limit: "inodeLimit",
          by: "none",
          strength: "none",
          detail: `${gvisor ? "gVisor's tmpfs counts" : "folders in memory of Podman count"} no inodes; they are bounded by memoryLimit`,
          remedy: gvisor ? "use the daemon's own runtime" : "use Docker, or the process backend",
        }
      : enforced("inodeLimit", "tmpfs", "each writable folder for itself"),
    enforced("outputLimit", "supervisor"),
    networkOf(shareNetwork, hasProxy),
    enforced(
      "filesystem",
      "container",
      gvisor ? "and by gVisor's own kernel" : "read-only, and by Landlock beneath where the kernel has it",
    ),
    gvisor
      ? enforced("syscalls", "gvisor", "a kernel of the sandbox's own answers them")
      : enforced("syscalls", "seccomp"),
  ];
}

function networkOf(shareNetwork: boolean, hasProxy: boolean): LimitCapability {
  if (shareNetwork)
    return {
      limit: "network",
      by: "none",
      strength: "none",
      detail: "networkDisabled: false shares the network of the daemon's host",
    };
  return { limit: "network", by: hasProxy ? "proxy" : "namespace", strength: "enforced" };
}
