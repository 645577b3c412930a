/**
 * Folders in which the packages of an image are laid out on this machine, names and descriptions alone. Views are resolved
 * over them until the end of the process, which removes them; what a killed one left, the next one removes: the name
 * holds pid namespace, pid and start time of whose it is.
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isProcessRunning, pidNamespace, readProcessStat } from "../../../../host/process-identity.js";

const prefix = "orchestrator-image-";

const own = new Set<string>();
let isPrepared = false;

export function makeSkeleton(): string {
  if (!isPrepared) {
    isPrepared = true;
    sweepSkeletons();
    process.once("exit", () => {
      for (const skeleton of own) rmSync(skeleton, { recursive: true, force: true });
    });
  }
  const name = `${prefix}${pidNamespace()}-${process.pid}-${readProcessStat("self")?.startTicks ?? 0}-`;
  const skeleton = mkdtempSync(join(tmpdir(), name));
  own.add(skeleton);
  return skeleton;
}

export function removeSkeleton(skeleton: string): void {
  rmSync(skeleton, { recursive: true, force: true });
  own.delete(skeleton);
}

/** Removes those of processes that are no more, and gives their paths. */
export function sweepSkeletons(): readonly string[] {
  const removed: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    const [, namespace, pid, start] = /^orchestrator-image-(\d+)-(\d+)-(\d+)-\w+$/.exec(name) ?? [];
    if (Number(namespace) !== pidNamespace() || isProcessRunning(Number(pid), Number(start))) continue;
    const path = join(tmpdir(), name);
    try {
      // What others may write to could be exchanged while it is removed.
      const stat = lstatSync(path);
      if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) continue;
      rmSync(path, { recursive: true });
      removed.push(path);
    } catch {
      // Somebody else is removing it.
    }
  }
  return removed;
}
