/** Waiting for the world outside, and looking for what should be gone from it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readHierarchies } from "#src/host/cgroup/hierarchy.js";
import { readProcessStat } from "#src/host/process-identity.js";

/** Polls until `condition` holds. Throws after `limitMs`. */
export async function eventually(condition: () => boolean, what: string, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`);
    await delay(5);
  }
}

/** Living processes whose command line holds this text. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text) && readProcessStat(pid)?.state !== "Z";
      } catch {
        return false;
      }
    });
}

/** Names of the cgroups that this process has made and that still exist. */
export function ownCgroups(): string[] {
  const names = new Set<string>();
  for (const { ownDirectory } of readHierarchies())
    for (const name of readdirSync(ownDirectory)) if (name.includes(`-${process.pid}-`)) names.add(join(name));
  return [...names].filter((name) => name.startsWith("oe-"));
}
