/** A caller's list of folders in which packages are installed. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { Problem } from "../../model/error.js";

/** The entries of `packageFolders` that are no absolute paths of directories. */
export function packageFoldersProblems(name: string, entries: readonly unknown[]): Problem[] {
  return entries.flatMap((entry, index) => {
    const isPath = typeof entry === "string" && isAbsolute(entry) && !entry.includes("\0");
    if (isPath && statSync(entry, { throwIfNoEntry: false })?.isDirectory() === true) return [];
    const message = `takes the absolute path of a directory that exists, got ${JSON.stringify(entry)}`;
    return [{ where: `${name}[${index}]`, message }];
  });
}
