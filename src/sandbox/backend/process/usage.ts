/** What a run has used so far: by its cgroup, and where it has none by what was seen of its processes. */
import type { Cgroup } from "../../../host/cgroup/index.js";
import type { SandboxUsage } from "../../run/launched.js";
import type { TreeWatch } from "./tree-watch.js";

export function usageOf(watch: TreeWatch | undefined, cgroup: Cgroup | undefined): SandboxUsage {
  const seen = watch === undefined ? {} : { cpuSeconds: watch.cpuSeconds, peakBytes: watch.peakBytes };
  const exceeded = watch?.exceeded === true ? { watched: "memory-limit" as const } : {};
  const counted = { oomKills: cgroup?.oomKills() ?? 0, processLimitHits: cgroup?.pidsLimitHits() ?? 0 };
  return { ...seen, ...exceeded, ...cgroup?.usage(), ...counted };
}
