/**
 * Removes groups whose supervisor died before it could. They are looked for in the whole of each hierarchy, because the
 * dead one may have run in another group than this process does.
 */
import { type Dirent, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isProcessRunning } from "../process-identity.js";
import { removeTree } from "./directories.js";
import { killMembers, namespacePrefix } from "./group.js";
import { readHierarchies } from "./hierarchy.js";

/** How long a group may take to become empty. */
const deadlineMs = 1000;

/**
 * Kills and removes every group made by a process of this pid namespace that no longer runs. Groups of living
 * supervisors, this one included, are left alone.
 *
 * @returns names of the groups that were removed.
 */
export async function sweepCgroups(): Promise<string[]> {
  const abandoned = new Map<string, string[]>();
  for (const mountPoint of new Set(readHierarchies().map((hierarchy) => hierarchy.mountPoint)))
    collectAbandoned(mountPoint, abandoned);
  const removed: string[] = [];
  for (const [name, directories] of abandoned) if (await endGroup(name, directories)) removed.push(name);
  return removed;
}

function collectAbandoned(directory: string, found: Map<string, string[]>): void {
  for (const entry of directoriesIn(directory)) {
    const path = join(directory, entry.name);
    if (!isAbandoned(entry.name)) collectAbandoned(path, found);
    else found.set(entry.name, [...(found.get(entry.name) ?? []), path]);
  }
}

function isAbandoned(name: string): boolean {
  if (!name.startsWith(namespacePrefix())) return false;
  const match = /^(\d+)-(\d+)-/.exec(name.slice(namespacePrefix().length));
  return match !== null && !isProcessRunning(Number(match[1]), Number(match[2]));
}

/** Whether the group is gone. One that is somebody else's to remove, or cannot die yet, is left to the next sweep. */
async function endGroup(name: string, directories: readonly string[]): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    for (const directory of directories) {
      tryWrite(join(directory, "cpu.cfs_quota_us"), "-1");
      tryWrite(join(directory, "cpu.max"), "max");
      tryWrite(join(directory, "cgroup.kill"), "1");
      killMembers(directory, name);
    }
    if (directories.filter((directory) => !isRemoved(directory)).length === 0) return true;
    if (performance.now() > deadline) return false;
    await delay(waitMs);
  }
}

function isRemoved(directory: string): boolean {
  try {
    removeTree(directory);
    return true;
  } catch {
    return false;
  }
}

function directoriesIn(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return [];
  }
}

function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "r+" });
  } catch {
    // Not a file of this version, or not ours.
  }
}
