/** Where a program's file is, looked for as execvp(3) does, so that a missing one is told in words before anything starts. */
import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";

export interface ProgramLookup {
  readonly cwd: string;
  /** `PATH` of the program's environment. */
  readonly path: string | undefined;
}

/** The absolute path of an executable file; `undefined` where there is none. */
export function findProgram(name: string, { cwd, path }: ProgramLookup): string | undefined {
  if (name.includes("/")) return isExecutable(resolve(cwd, name)) ? resolve(cwd, name) : undefined;
  for (const entry of (path ?? "/usr/local/bin:/usr/bin:/bin").split(":")) {
    const directory = entry === "" ? cwd : entry;
    const candidate = join(isAbsolute(directory) ? directory : resolve(cwd, directory), name);
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
