/**
 * What the keeper must write to end a run at its deadline while this process is stuck: a tree that is throttled takes
 * seconds to die, so its CPU quota is lifted first. The keeper is nobody on the host, so the few files of this one run
 * are given to its user.
 */
import { chownSync, existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Cgroup } from "../../../../host/cgroup/index.js";

/** Where the keeper's view of the groups begins; see `server/boot.py`. */
const cgroupRoot = "/sys/fs/cgroup";

/** Files in order of writing, relative to the root of the groups, with what to write. */
export type QuotaLift = readonly (readonly [path: string, text: string])[];

const writes = [
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
export function prepareQuotaLift(cgroup: Cgroup | undefined, keeper: number | undefined): QuotaLift {
  const folders = (cgroup?.procsFiles ?? [])
    .map((file) => dirname(file))
    .filter((folder) => folder.startsWith(cgroupRoot));
  const lift: [string, string][] = [];
  for (const [name, text] of writes) {
    for (const folder of folders) {
      if (!has(folder, name)) continue;
      const path = join(folder, name);
      if (keeper !== undefined) chownSync(path, keeper, keeper);
      lift.push([relative(cgroupRoot, path), text]);
    }
  }
  return lift;
}
