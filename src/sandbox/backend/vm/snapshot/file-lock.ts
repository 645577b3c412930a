/** A lock between processes: a file that names its owner, and that is taken over from an owner who is dead. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isProcessRunning, pidNamespace, readProcessStat } from "../../../../host/process-identity.js";

const lookAgainMs = 100;

/** Whoever writes this is told from any later process with the same number. */
export function ownIdentity(): string {
  return `${pidNamespace()}-${process.pid}-${readProcessStat("self")?.startTicks ?? 0}`;
}

/** Whether the process of an identity is of this namespace of numbers and no more. */
export function isDead(identity: string): boolean {
  const [namespace, pid, start] = identity.split("-").map(Number);
  return namespace === pidNamespace() && !isProcessRunning(pid!, start!);
}

/** Runs `work` while no other process holds the lock; or gives what `instead` finds while it waits. */
export async function withFileLock<Value>(
  path: string,
  instead: () => Value | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  while (!take(path)) {
    const found = instead();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
  try {
    return instead() ?? (await work());
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  const me = ownIdentity();
  try {
    writeFileSync(path, me, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  let owner: string;
  try {
    owner = readFileSync(path, "utf8");
  } catch {
    return false; // Given back meanwhile.
  }
  if (owner === "" || !isDead(owner)) return false;
  // Of several that see it dead one moves it away, and none removes a new one.
  try {
    renameSync(path, `${path}.${me}`);
    const moved = readFileSync(`${path}.${me}`, "utf8");
    if (moved === owner) rmSync(`${path}.${me}`);
    else renameSync(`${path}.${me}`, path);
  } catch {
    // Another one was faster.
  }
  return false;
}
