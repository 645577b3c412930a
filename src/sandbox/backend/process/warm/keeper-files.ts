/**
 * What the keeper writes, or has written, in the cgroup of a run. It is nobody on the host, so the few files of this one
 * run are given to its user.
 */
import { chownSync } from "node:fs";
import { relative } from "node:path";
import type { Cgroup } from "../../../../host/cgroup/index.js";

/** Where the keeper's view of the groups begins; see `server/boot.py`. */
const cgroupRoot = "/sys/fs/cgroup";

export interface KeeperFiles {
  /**
   * To end a run at its deadline while this process is stuck: a tree that is throttled takes seconds to die, so its CPU
   * quota is lifted first. Files in order of writing, relative to the root of the groups, with what to write.
   */
  readonly lift: readonly (readonly [path: string, text: string])[];
  /** By which a run enters its group itself; `null`: it has to be put there, and waits for that. */
  readonly entry: readonly string[] | null;
}

const liftWrites = [
  ["cpu.cfs_quota_us", "-1"],
  ["cpu.max", "max"],
  ["cgroup.kill", "1"],
] as const;

/** @param keeper user of the keeper, where it is not this process's own. */
export function prepareKeeperFiles(cgroup: Cgroup, keeper: number | undefined): KeeperFiles {
  const lift = liftOf(cgroup);
  const entry = entryOf(cgroup);
  if (keeper !== undefined)
    for (const path of [...lift.map(([path]) => path), ...(entry ?? [])]) chownSync(path, keeper, keeper);
  return {
    lift: lift.map(([path, text]) => [relative(cgroupRoot, path), text]),
    entry: entry?.map((path) => relative(cgroupRoot, path)) ?? null,
  };
}

function entryOf(cgroup: Cgroup): readonly string[] | null {
  const files = cgroup.taskFiles;
  return files?.every(isSeenByKeeper) ? files : null;
}

function liftOf(cgroup: Cgroup): (readonly [path: string, text: string])[] {
  return liftWrites.flatMap(([name, text]) =>
    cgroup
      .filesNamed(name)
      .filter(isSeenByKeeper)
      .map((path) => [path, text] as const),
  );
}

function isSeenByKeeper(path: string): boolean {
  return path.startsWith(`${cgroupRoot}/`);
}
