/**
 * A process that knows itself only by its pid in an inner namespace, found by its pid out here.
 *
 * A cgroup is entered by the pid of whoever writes. The kernel lists the children of a process, and for each its pid
 * in every namespace from the reader's inward; the child cannot be gone meanwhile, because only its own parent, which
 * has just told us of it, may reap it.
 */
import { readFileSync } from "node:fs";

/** The child of `parentPid` whose pid one namespace further in is `innerPid`; `undefined` where there is none. */
export function outerPidOfChild(parentPid: number, innerPid: number): number | undefined {
  // The newest is last and the one that is looked for, nearly always.
  for (const pid of childrenOf(parentPid).reverse()) if (innerPidOf(pid) === innerPid) return pid;
  return undefined;
}

function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`) ?? "";
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

function innerPidOf(pid: number): number | undefined {
  const match = /^NSpid:\t\d+\t(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "");
  return match === null ? undefined : Number(match[1]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
