/** What supervisors, living or dead, have on the host. */
import { readdirSync, readFileSync } from "node:fs";
import { type ProcessStat, readProcessStat } from "#src/host/process-identity.js";

/** What a supervisor's sandboxes are on the host: processes that see its folder, and cgroups with its pid. */
export function remainsOf(pid: number): string[] {
  return [...processesOf(pid), ...cgroupsOf(pid)];
}

function processesOf(supervisor: number): string[] {
  const folder = new RegExp(`orchestrator-sandbox-\\d+-${supervisor}-`);
  return pids()
    .filter((pid) => {
      try {
        return pid !== supervisor && folder.test(readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
      } catch {
        return false;
      }
    })
    .map(String);
}

/** Groups of a supervisor, in any hierarchy. */
export function cgroupsOf(pid: number, folder = "/sys/fs/cgroup", depth = 0): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (!entry.isDirectory()) return [];
      const path = `${folder}/${entry.name}`;
      if (new RegExp(`^oe-\\d+-${pid}-`).test(entry.name)) return [path];
      return depth < 5 ? cgroupsOf(pid, path, depth + 1) : [];
    });
  } catch {
    return [];
  }
}

/** Living processes that descend from `pid`, which may be dead by the time they are looked for. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const child of pids()) {
    const stat = readProcessStat(child);
    if (isAlive(stat)) parents.set(child, stat.parentPid);
  }
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child);
    return parent === pid || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Whether a process with that pid runs. Zombies do not. */
export function isRunning(pid: number): boolean {
  return isAlive(readProcessStat(pid));
}

function isAlive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== "Z" && stat.state !== "X";
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
