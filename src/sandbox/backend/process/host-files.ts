/** The files of a sandbox of this backend: a folder of the host that only the supervisor holds open. */
import { closeSync, constants, statfsSync } from "node:fs";
import type { SandboxFiles } from "../../run/files.js";
import { collectArtifacts, openBelow } from "./host-artifacts.js";
import { listFilesBelow, readFileBelow } from "./host-session-files.js";

/** @param scratch descriptor of the folder that holds `work`, `tmp` and `shm`; `undefined` where the sandbox died too early. */
export function hostFiles(scratch: number | undefined): SandboxFiles | undefined {
  if (scratch === undefined) return undefined;
  return {
    collect: async ({ known, limits, ignored }) => collectArtifacts(scratch, "work", known, limits, ignored),
    isFull: async () => isFull(scratch),
    read: async (name) => inWorkFolder(scratch, (folder) => readFileBelow(folder, name)),
    list: async () => inWorkFolder(scratch, listFilesBelow),
  };
}

function inWorkFolder<Value>(scratch: number, read: (folder: number) => Value): Value {
  const folder = openBelow(scratch, Buffer.from("work"), constants.O_DIRECTORY);
  if (folder === undefined) throw new Error("the working folder cannot be opened");
  try {
    return read(folder);
  } finally {
    closeSync(folder);
  }
}

function isFull(scratch: number): boolean {
  try {
    const { bavail, ffree } = statfsSync(`/proc/self/fd/${scratch}`);
    return bavail === 0 || ffree === 0;
  } catch {
    return false;
  }
}
