/** What holds the limits of processes on this host, in the words of the port. */
import { detectCgroups } from "../host/cgroup/index.js";
import type { LimitEnforcement } from "../port/runner.js";

export interface EnforcementWords {
  /** What holds memory where no cgroup does. */
  readonly memoryFallback: LimitEnforcement;
  /** What is to be known of memory held by a cgroup. */
  readonly memoryDetail?: string;
}

export function processEnforcement({ memoryFallback, memoryDetail }: EnforcementWords): LimitEnforcement[] {
  const { memory, cpu } = detectCgroups();
  return [
    memory.usable
      ? { limit: "memory", by: memory.by!, ...(memoryDetail === undefined ? {} : { detail: memoryDetail }) }
      : { ...memoryFallback, detail: `${memoryFallback.detail ?? ""}; no cgroup: ${memory.reason}` },
    cpu.usable
      ? {
          limit: "cpu",
          by: cpu.by!,
          detail: "a quota of declared cores in each 100 ms; nothing where none are declared",
        }
      : { limit: "cpu", by: "admission", detail: `declared cores are counted, not held; no cgroup: ${cpu.reason}` },
  ];
}
