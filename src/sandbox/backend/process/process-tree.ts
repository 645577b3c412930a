/** The processes of a sandbox, found from outside by their parents, for hosts where no cgroup lists them. */
import { readdirSync, readFileSync } from "node:fs";

export interface TreeMember {
  readonly pid: number;
  /** `R`, `S`, `T` (stopped), `Z`, ... */
  readonly state: string;
  /** Bytes of anonymous and shared memory, pages that a fork shares counted in full. */
  readonly residentBytes: number;
}

/**
 * Living processes inside the sandbox below `root`, or those named with all below them: those that are two pid namespaces further in than this process,
 * without the first of theirs (bubblewrap's own).
 */
export function membersBelow(root: number | readonly number[]): TreeMember[] {
  const members: TreeMember[] = [];
  const pending = typeof root === "number" ? childrenOf(root) : [...root];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    pending.push(...childrenOf(pid));
    const member = readMember(pid);
    if (member !== undefined) members.push(member);
  }
  return members;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1")
        .split(" ")
        .filter((child) => child !== "")
        .map(Number),
    );
  } catch {
    return [];
  }
}

const levelsInside = 3;

function readMember(pid: number): TreeMember | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return undefined;
  }
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const levels = field("NSpid").split(/\s+/);
  if (levels.length < levelsInside || levels.at(-1) === "1") return undefined;
  const state = field("State").charAt(0);
  if (state === "Z" || state === "X") return undefined;
  const kibibytes = (name: string) => Number.parseInt(field(name), 10) || 0;
  return { pid, state, residentBytes: 1024 * (kibibytes("RssAnon") + kibibytes("RssShmem") + kibibytes("VmSwap")) };
}

/** The process's share of memory, pages that several have divided among them. Costs a walk through its page tables. */
export function proportionalBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
    const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
    return 1024 * (kibibytes("Pss_Anon") + kibibytes("Pss_Shmem") + kibibytes("SwapPss"));
  } catch {
    return 0;
  }
}

/** Nanoseconds of CPU that each thread of a process has had, by thread. */
export function cpuNanosecondsOf(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [onCpu] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ");
      times.set(`${pid}/${thread}`, Number(onCpu));
    }
  } catch {
    // Gone meanwhile.
  }
  return times;
}
