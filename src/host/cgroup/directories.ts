/** The directories of groups: who is in them, and how they go. */
import { readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { readText } from "./controller.js";

/** Processes that a file of a group lists. */
export function readPids(file: string): number[] {
  const lines = (readText(file) ?? "").split("\n");
  return lines.filter((line) => line !== "").map(Number);
}

/** Processes in the group of a directory, and in those below it; none where there is no such group. */
export function pidsBelow(directory: string): number[] {
  try {
    const pids = readPids(join(directory, "cgroup.procs"));
    for (const child of childDirectories(directory)) pids.push(...pidsBelow(child));
    return [...new Set(pids)];
  } catch {
    return [];
  }
}

/** Groups may have made groups of their own, but nearly none has: that is looked at only where one cannot be removed. */
export function removeTree(directory: string): void {
  try {
    if (tryRemove(directory)) return;
    for (const child of childDirectories(directory)) removeTree(child);
    rmdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function tryRemove(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    return false;
  }
}

function childDirectories(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));
}
