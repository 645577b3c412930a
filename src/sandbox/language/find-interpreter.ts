/**
 * Finds an interpreter of this host. The system's own comes first; what `PATH` finds is taken only if it is a binary,
 * because a shim (pyenv, nvm, asdf) is a script that needs half of somebody's home folder to run.
 */
import { execFile } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { isPassingFault } from "../../host/passing-fault.js";
import { OrchestratorError } from "../../model/error.js";

const run = promisify(execFile);

/** Real paths of binaries by these names: in `/usr/bin`, `/bin`, then in `PATH`. */
export function findBinaries(names: readonly string[]): readonly string[] {
  const folders = ["/usr/bin", "/bin", ...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "")];
  const found = folders.flatMap((folder) => names.map((name) => realBinary(join(folder, name))));
  return [...new Set(found.filter((path) => path !== undefined))];
}

/** The file behind a path, if it is an executable ELF file. */
export function realBinary(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    const real = realpathSync(path);
    const file = openSync(real, "r");
    try {
      const magic = Buffer.alloc(4);
      readSync(file, magic, 0, 4, 0);
      return magic.toString("latin1") === "\x7fELF" ? real : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/**
 * Standard output of a trusted program with an empty environment; `undefined` where it fails.
 *
 * @throws OrchestratorError `SANDBOX_FAILURE` where no program can be started for now: that says nothing of this one.
 */
export async function ask(path: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, args, { env: { LC_ALL: "C" }, timeout: 10_000 });
    return stdout;
  } catch (cause) {
    if (!isPassingFault(cause)) return undefined;
    throw new OrchestratorError("SANDBOX_FAILURE", `failed to start ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Mounts that an interpreter outside of `/usr` needs: its whole prefix, which holds its library too. */
export function prefixOf(binary: string): string | undefined {
  if (/^\/usr\/(?!local\/)/.test(binary) || binary.startsWith("/bin/")) return undefined;
  const match = /^(.*)\/bin\/[^/]+$/.exec(binary);
  return match?.[1] === "" ? undefined : match?.[1];
}
