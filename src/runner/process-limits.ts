/** Limits of a cgroup for what a task declares. */
import type { CgroupLimits } from "../host/cgroup/index.js";
import { cpuPeriodMicroseconds } from "../host/cgroup/index.js";
import type { AttemptRequest } from "../port/runner.js";

/** The kernel takes no smaller quota. */
const smallestQuota = 1000;

export function declaredLimits({
  memoryBytes,
  cpuCores,
}: Pick<AttemptRequest, "memoryBytes" | "cpuCores">): CgroupLimits {
  return {
    ...(memoryBytes ? { memoryBytes } : {}),
    ...(cpuCores ? { cpuQuotaMicroseconds: cpuQuota(cpuCores) } : {}),
  };
}

export function cpuQuota(cores: number): number {
  return Math.max(smallestQuota, Math.round(cores * cpuPeriodMicroseconds));
}
