/** Removes groups whose supervisor died before it could. */
import { readdirSync } from "node:fs";
import { isProcessRunning } from "../process-identity.js";
import { existingCgroup, hostLayout, namespacePrefix, parentsOf } from "./group.js";

/**
 * Kills and removes every group made by a process of this pid namespace that no longer runs. Groups of living
 * supervisors, this one included, are left alone.
 *
 * @returns names of the groups that were removed.
 */
export async function sweepCgroups(): Promise<string[]> {
  const abandoned = [...new Set(parentsOf(hostLayout()).flatMap(listGroups))].filter(isAbandoned);
  const removed: string[] = [];
  for (const name of abandoned) {
    try {
      await existingCgroup(name).destroy(1000);
      removed.push(name);
    } catch {
      // Somebody else's to remove, or held by a process that cannot die yet: the next sweep tries again.
    }
  }
  return removed;
}

function listGroups(parent: string): string[] {
  try {
    return readdirSync(parent).filter((name) => name.startsWith(namespacePrefix()));
  } catch {
    return [];
  }
}

function isAbandoned(name: string): boolean {
  const match = /^(\d+)-(\d+)-/.exec(name.slice(namespacePrefix().length));
  return match !== null && !isProcessRunning(Number(match[1]), Number(match[2]));
}
