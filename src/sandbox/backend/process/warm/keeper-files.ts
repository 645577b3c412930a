/**
 * What the keeper writes, or has written, in the cgroup of a run. It is nobody on the host, so the few files of this one
 * run are given to its user.
 */
import { chownSync, existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Cgroup } from "../../../../host/cgroup/index.js";

/** Where the keeper's view of the groups begins; see `server/boot.py`. */
const cgroupRoot = "/sys/fs/cgroup";

export interface KeeperFiles {
  /**
   * To end a run at its deadline while this process is stuck: a tree that is throttled takes seconds to die, so its CPU
   * quota is lifted first. Files in order of writing, relative to the root of the groups, with what to write.
   */
  readonly lift: readonly (readonly [path: string, text: string])[];
  /** By which a run enters its group itself; none where it has to be put there. */
  readonly entry: readonly string[];
}

const liftWrites = [
  ["cpu.cfs_quota_us", "-1"],
  ["cpu.max", "max"],
  ["cgroup.kill", "1"],
] as const;

/** Whether the groups below a folder have a file of that name: the kernel's choice, the same for all of them. */
const present = new Map<string, boolean>();

function has(folder: string, name: string): boolean {
  const key = join(dirname(folder), name);
  const known = present.get(key) ?? existsSync(join(folder, name));
  present.set(key, known);
  return known;
}

/** @param keeper user of the keeper, where it is not this process's own. */
export function prepareKeeperFiles(cgroup: Cgroup | undefined, keeper: number | undefined): KeeperFiles {
  const lift = liftOf(cgroup);
  const tasks = cgroup?.taskFiles ?? [];
  const entry = tasks.every(isSeenByKeeper) ? tasks : [];
  if (keeper !== undefined)
    for (const path of [...lift.map(([path]) => path), ...entry]) chownSync(path, keeper, keeper);
  return {
    lift: lift.map(([path, text]) => [relative(cgroupRoot, path), text]),
    entry: entry.map((path) => relative(cgroupRoot, path)),
  };
}

function liftOf(cgroup: Cgroup | undefined): (readonly [path: string, text: string])[] {
  const folders = (cgroup?.procsFiles ?? []).filter(isSeenByKeeper).map((file) => dirname(file));
  return liftWrites.flatMap(([name, text]) =>
    folders.filter((folder) => has(folder, name)).map((folder) => [join(folder, name), text] as const),
  );
}

function isSeenByKeeper(path: string): boolean {
  return path.startsWith(`${cgroupRoot}/`);
}
