/** Which limits the kernel holds here, each found out by setting one and reading it back. */
import { type ControllerName, detectCgroups } from "../../host/cgroup/index.js";
import type { Answer, Check } from "./check.js";

export const cgroupChecks: readonly Check[] = [
  {
    name: "memory limit",
    run: () => controller("memory", "declared memory is counted for admission, and threads have heap limits"),
  },
  { name: "CPU limit", run: () => controller("cpu", "declared CPU is counted for admission alone") },
  { name: "process limit", run: () => controller("pids", "the number of processes is not limited") },
  { name: "group kill", run: groupKill },
];

function controller(name: ControllerName, otherwise: string): Answer {
  if (process.platform !== "linux") return { verdict: "limited", found: `not here: ${otherwise}` };
  const { usable, by, reason, remedy } = detectCgroups()[name];
  if (usable) return { verdict: "good", found: `held by ${by}` };
  return {
    verdict: "limited",
    found: `not held (${reason}): ${otherwise}`,
    ...(remedy !== undefined && { advice: remedy }),
  };
}

function groupKill(): Answer {
  if (process.platform !== "linux") return { verdict: "limited", found: "process groups are signalled" };
  const { kill, version } = detectCgroups();
  if (kill === "none")
    return { verdict: "limited", found: "process groups are signalled; a process that leaves its group escapes" };
  return { verdict: "good", found: `${kill} (cgroups: ${version})` };
}
