/**
 * All that a process has started, found without its help: its process group and session, its children and theirs, and
 * whatever carries its marker in the environment. A daemon that forked twice, took a session of its own and was adopted
 * by init is still found by the marker, which it inherited; only one that also cleared its environment is not, and for
 * that one there are cgroups (`contained-process.ts` uses both).
 *
 * Where there is no /proc (macOS), only the process group can be signalled.
 */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type ProcessStat, readProcessStat } from "./process-identity.js";

/** Variable that marks the members of a tree. */
export const treeMarkerName = "ORCHESTRATOR_TREE";

export interface ProcessTree {
  /** The first process: leader of a group of its own (started with `detached: true`). */
  readonly pid: number;
  /** Its start, so that another process with its pid is not taken for it. `undefined` where it ended too early to be seen. */
  readonly startTicks: number | undefined;
  /** Value of `ORCHESTRATOR_TREE` in its environment. */
  readonly marker: string;
}

/** A marker for one tree. */
export function newTreeMarker(): string {
  return randomUUID();
}

const hasProc = existsSync("/proc/self/stat");

/** The living members of the tree, the first process included. */
export function listProcessTree(tree: ProcessTree): number[] {
  const all = readAllProcesses();
  const first = all.get(tree.pid);
  // While a member of the group lives, the kernel gives its number to nobody else. So if another process has the first
  // one's pid, the old group is empty, and the numbers say nothing.
  const numbersHold = first === undefined || tree.startTicks === undefined || first.startTicks === tree.startTicks;
  const members = new Set<number>();
  for (const process of all.values()) {
    const byNumber = numbersHold && (process.processGroup === tree.pid || process.session === tree.pid);
    if (byNumber || hasMarker(process.pid, tree.marker)) members.add(process.pid);
  }
  if (numbersHold && first !== undefined) members.add(tree.pid);
  addDescendants(members, all);
  members.delete(process.pid);
  return [...members].filter((pid) => !isEnded(all.get(pid)!));
}

/** Sends a signal to every member. How many there were. */
export function signalProcessTree(tree: ProcessTree, signal: NodeJS.Signals): number {
  if (!hasProc) return signalOne(-tree.pid, signal) ? 1 : 0;
  return listProcessTree(tree).filter((pid) => signalOne(pid, signal)).length;
}

/**
 * Ends the whole tree: SIGTERM, `graceMs` of waiting, SIGKILL until nobody is left. Resolves when nobody is; rejects
 * only if somebody cannot be killed within 10 s (uninterruptible, or not ours to signal).
 */
export async function killProcessTree(tree: ProcessTree, options: { readonly graceMs: number }): Promise<void> {
  if (options.graceMs > 0 && signalProcessTree(tree, "SIGTERM") > 0) {
    const deadline = performance.now() + options.graceMs;
    for (let waitMs = 2; performance.now() < deadline && isAnyAlive(tree); waitMs = Math.min(waitMs * 2, 50))
      await delay(Math.min(waitMs, Math.max(1, deadline - performance.now())));
  }
  const deadline = performance.now() + 10_000;
  for (let waitMs = 1; signalProcessTree(tree, "SIGKILL") > 0; waitMs = Math.min(waitMs * 2, 50)) {
    if (performance.now() > deadline)
      throw new Error(`processes ${listProcessTree(tree).join(", ")} are still there 10 s after SIGKILL`);
    await delay(waitMs);
  }
}

function isAnyAlive(tree: ProcessTree): boolean {
  return hasProc ? listProcessTree(tree).length > 0 : signalOne(-tree.pid, 0);
}

function readAllProcesses(): Map<number, ProcessStat> {
  const all = new Map<number, ProcessStat>();
  if (!hasProc) return all;
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readProcessStat(pid) : undefined;
    if (stat !== undefined) all.set(pid, stat);
  }
  return all;
}

function hasMarker(pid: number, marker: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${treeMarkerName}=${marker}`);
  } catch {
    return false;
  }
}

function addDescendants(members: Set<number>, all: ReadonlyMap<number, ProcessStat>): void {
  const children = groupByParent(all);
  // A set is walked in the order of insertion, so those that are added on the way are visited too.
  for (const pid of members) for (const child of children.get(pid) ?? []) members.add(child.pid);
}

function groupByParent(all: ReadonlyMap<number, ProcessStat>): Map<number, ProcessStat[]> {
  const groups = new Map<number, ProcessStat[]>();
  for (const stat of all.values()) {
    const group = groups.get(stat.parentPid);
    if (group === undefined) groups.set(stat.parentPid, [stat]);
    else group.push(stat);
  }
  return groups;
}

function isEnded(stat: ProcessStat): boolean {
  return stat.state === "Z" || stat.state === "X";
}

function signalOne(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
