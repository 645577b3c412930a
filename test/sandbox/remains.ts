/** What supervisors, living or dead, have on the host. */
import { readdirSync, readFileSync } from "node:fs";

/** Polls until there is nothing, at most `deadlineMs`; gives what is still there. */
export async function untilNothing(
  look: () => readonly string[] | Promise<readonly string[]>,
  deadlineMs = 20_000,
): Promise<readonly string[]> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found.length === 0 || performance.now() > deadline) return found;
    await new Promise((settle) => setTimeout(settle, 20));
  }
}

/** What a supervisor's sandboxes are on the host: processes that see its folder, and cgroups with its pid. */
export function remainsOf(pid: number): string[] {
  return [...processesOf(pid), ...cgroupsOf("/sys/fs/cgroup", pid, 0)];
}

function processesOf(supervisor: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === supervisor) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/mountinfo`, "latin1").includes(`orchestrator-sandbox-`) && isOf(pid, supervisor)
      );
    } catch {
      return false;
    }
  });
}

function isOf(pid: string, supervisor: number): boolean {
  return new RegExp(`orchestrator-sandbox-\\d+-${supervisor}-`).test(readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
}

function cgroupsOf(folder: string, pid: number, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (!entry.isDirectory()) return [];
      const path = `${folder}/${entry.name}`;
      if (new RegExp(`^oe-\\d+-${pid}-`).test(entry.name)) return [path];
      return depth < 5 ? cgroupsOf(path, pid, depth + 1) : [];
    });
  } catch {
    return [];
  }
}

/** Living processes that descend from `pid`, which may be dead by the time they are looked for. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z" && state !== "X") parents.set(Number(name), Number(parent));
    } catch {
      // Gone meanwhile.
    }
  }
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child);
    return parent === pid || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Whether a process with that pid runs. Zombies do not. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !["Z", "X"].includes(stat.slice(stat.lastIndexOf(")") + 2).charAt(0));
  } catch {
    return false;
  }
}
