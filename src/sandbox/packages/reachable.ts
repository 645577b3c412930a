/** Whether the users that sandboxes run as can get to what a view shows. */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { OrchestratorError } from "../../model/error.js";
import type { PackageView } from "./view.js";

/**
 * Where this process is root, each run has a user of its own, who cannot enter somebody's private folder. That is said here, by
 * name, instead of by a launch that fails.
 *
 * @throws OrchestratorError `PACKAGE_NOT_FOUND` that names the folder.
 */
export function checkReachable(view: PackageView, isRoot = process.getuid?.() === 0): void {
  if (!isRoot) return;
  const open = new Set<string>();
  for (const { source } of [...view.binds, ...view.data]) {
    for (let folder = dirname(source); !open.has(folder); folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) {
        const message = `the package at ${source} cannot be shown, because sandboxes run as other users and ${folder} is closed to them; open it with "chmod o+x ${folder}", or install the package elsewhere`;
        throw new OrchestratorError("PACKAGE_NOT_FOUND", message);
      }
      open.add(folder);
    }
  }
}
