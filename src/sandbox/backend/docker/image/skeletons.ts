/**
 * Folders in which the packages of an image are laid out on this machine, names and descriptions alone. Views are resolved
 * over them until the end of the process, which removes them; what a killed one left, the next one removes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownedFolderName, sweepOwnedFolders } from "../../../../host/owned-folders.js";

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
  const skeleton = mkdtempSync(join(tmpdir(), ownedFolderName(prefix)));
  own.add(skeleton);
  return skeleton;
}

export function removeSkeleton(skeleton: string): void {
  rmSync(skeleton, { recursive: true, force: true });
  own.delete(skeleton);
}

/** Removes those of processes that are no more, and gives their paths. */
export function sweepSkeletons(): readonly string[] {
  // What others may write to could be exchanged while it is removed.
  return sweepOwnedFolders([tmpdir()], prefix, 0o077);
}
