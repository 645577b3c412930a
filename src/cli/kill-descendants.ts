/** Kills all that this process has started and what that has started, at once: for the second Ctrl-C, when nothing is waited for any more. */
import { readdirSync } from "node:fs";
import { readProcessStat } from "../host/process-identity.js";

/** Sends SIGKILL to every descendant. Does nothing where there is no /proc: there, children end with their parent's pipes. */
export function killDescendants(): void {
  const children = new Map<number, number[]>();
  for (const pid of listPids()) {
    const parent = readProcessStat(pid)?.parentPid;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  // The list is whole before the first is killed: the children of a dead process are adopted and could not be found.
  const descendants: number[] = [];
  const pending = [process.pid];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const found = children.get(pid) ?? [];
    descendants.push(...found);
    pending.push(...found);
  }
  for (const pid of descendants) kill(pid);
}

function listPids(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}
