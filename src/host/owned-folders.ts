/**
 * Folders that a process makes for as long as it lives: their names hold its pid namespace, pid and start time, so that
 * what a killed one left is told from what a living one has, and removed by the next.
 */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isProcessRunning, pidNamespace, readProcessStat } from "./process-identity.js";

/** Beginning of the names of this process's folders. */
export function ownedFolderName(prefix: string): string {
  return `${prefix}${pidNamespace()}-${process.pid}-${readProcessStat("self")?.startTicks ?? 0}-`;
}

/**
 * Removes the folders of processes that are no more. Returns their paths.
 *
 * @param foreignMode bits of the mode that no such folder has; with one of them it is left alone.
 */
export function sweepOwnedFolders(parents: Iterable<string>, prefix: string, foreignMode = 0): string[] {
  const removed: string[] = [];
  for (const parent of new Set(parents)) {
    for (const name of list(parent, prefix)) {
      const match = /^(\d+)-(\d+)-(\d+)-/.exec(name.slice(prefix.length));
      if (match === null || Number(match[1]) !== pidNamespace()) continue;
      if (isProcessRunning(Number(match[2]), Number(match[3]))) continue;
      const path = join(parent, name);
      if (removeOwn(path, foreignMode)) removed.push(path);
    }
  }
  return removed;
}

function list(parent: string, prefix: string): string[] {
  try {
    return readdirSync(parent).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

/** Somebody else may have made a folder or a link of such a name: only what is ours is removed. */
function removeOwn(path: string, foreignMode: number): boolean {
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & foreignMode) !== 0) return false;
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
