/** What holds each limit of a run in a guest. */
import { detectCgroups } from "../../../host/cgroup/index.js";
import type { Enforcement } from "../../../model/sandbox.js";

/**
 * `guest-cgroup` and the like are held by the guest's kernel, and around that the machine itself is bounded from the
 * host: code that broke out into the guest's kernel has the machine, and no more than the machine.
 *
 * @param network whether there is a way to the proxy of allowed domains.
 */
export function describeVmEnforcement(network = false): readonly Enforcement[] {
  const { memory, cpu } = detectCgroups();
  const enforced = (limit: Enforcement["limit"], by: string, detail?: string): Enforcement => ({
    limit,
    by,
    strength: "enforced",
    ...(detail === undefined ? {} : { detail }),
  });
  const around = memory.usable ? `, and of the machine by ${memory.by}` : ", and by the machine's own memory";
  return [
    enforced("memoryLimit", "guest-cgroup", `by the guest's kernel${around}`),
    cpu.usable
      ? enforced("cpuQuota", cpu.by!, "of the whole virtual machine")
      : enforced("cpuQuota", "guest-cgroup", "of the code in its guest; the machine has one processor"),
    enforced("timeLimit", "supervisor", "and by a process beside the machine, should the supervisor be stuck"),
    enforced("processLimit", "guest-cgroup"),
    enforced("fileSizeLimit", "rlimit"),
    enforced("openFilesLimit", "rlimit", "of each process"),
    enforced("diskLimit", "tmpfs"),
    enforced("inodeLimit", "tmpfs"),
    enforced("outputLimit", "supervisor"),
    network
      ? enforced("network", "proxy", "the machine has no network device; its agent passes connections to the proxy")
      : enforced("network", "no-device", "the machine has no network device"),
    enforced("filesystem", "virtual-machine", "and by the guest's namespaces and Landlock"),
    enforced("syscalls", "virtual-machine", "and by seccomp in the guest"),
  ];
}
