/** Which process is meant: a pid alone may be somebody else's by now, a pid with its start time never is. */
import { readFileSync, readlinkSync } from "node:fs";

/** One row of /proc/PID/stat, as far as it is needed here. */
export interface ProcessStat {
  readonly pid: number;
  /** `R`, `S`, `D`, `Z` (ended, not yet reaped), ... */
  readonly state: string;
  readonly parentPid: number;
  readonly processGroup: number;
  readonly session: number;
  /** Clock ticks from the machine's start to the process's. */
  readonly startTicks: number;
}

/** The process as the kernel sees it; `undefined` where there is none (any more), or no /proc. */
export function readProcessStat(pid: number | "self"): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything, spaces and parentheses included: the fields begin after the last ")".
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0]!,
    parentPid: Number(fields[1]),
    processGroup: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

/** Whether this very process still runs: same pid, same start, not merely waiting to be reaped. */
export function isProcessRunning(pid: number, startTicks: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
}

/** Number of the pid namespace in which pids of this process mean something. 0 where it cannot be told. */
export function pidNamespace(): number {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync("/proc/self/ns/pid"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
