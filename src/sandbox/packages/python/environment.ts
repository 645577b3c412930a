/** What an interpreter of this machine says of itself: its site directories, and the values of environment markers. */
import { execFile } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { OrchestratorError } from "../../../model/error.js";
import type { MarkerEnvironment } from "./marker.js";

export interface PythonEnvironment {
  /** Absolute path. */
  readonly interpreter: string;
  /** Directories of installed distributions that exist, the first to be searched first. */
  readonly siteDirectories: readonly string[];
  /** The interpreter's own among them, and those that it would search if they existed. */
  readonly ownSites: readonly string[];
  readonly markers: MarkerEnvironment;
  /** Debian's records of who owns which file; none where it does not exist. Default `/var/lib/dpkg`. */
  readonly dpkgDirectory?: string;
  /** Where the root lies that it is of, if it is of an image and not of this machine: all other paths here are below it. */
  readonly root?: string;
}

// Started with -I -S, so that nothing of the site directories (.pth files, sitecustomize) runs.
const question = `
import json, os, platform, site, sys
version = sys.implementation.version
full = "%d.%d.%d" % version[:3]
if version.releaselevel != "final": full += version.releaselevel[0] + str(version.serial)
print(json.dumps({"sites": site.getsitepackages(), "markers": {
  "implementation_name": sys.implementation.name, "implementation_version": full, "os_name": os.name,
  "platform_machine": platform.machine(), "platform_python_implementation": platform.python_implementation(),
  "platform_release": platform.release(), "platform_system": platform.system(), "platform_version": platform.version(),
  "python_full_version": platform.python_version(), "python_version": "%d.%d" % sys.version_info[:2],
  "sys_platform": sys.platform}}))`;

const answers = new Map<string, Promise<{ sites: string[]; markers: MarkerEnvironment }>>();

/**
 * Asks `interpreter` once, and keeps its answer for as long as the program at that path is the same.
 *
 * @param extraSites directories searched before the interpreter's own, such as the `site-packages` of a virtual environment.
 * @throws OrchestratorError `PACKAGE_NOT_FOUND` where the interpreter cannot be asked.
 */
export async function readPythonEnvironment(
  interpreter: string,
  extraSites: readonly string[] = [],
): Promise<PythonEnvironment> {
  const { sites, markers } = await askOnce(interpreter);
  const directories = [...extraSites, ...sites].map(existingDirectory).filter((path) => path !== undefined);
  const ownSites = sites.map((path) => existingDirectory(path) ?? path);
  return { interpreter, siteDirectories: [...new Set(directories)], ownSites, markers };
}

function askOnce(interpreter: string): Promise<{ sites: string[]; markers: MarkerEnvironment }> {
  let key = interpreter;
  try {
    const { ino, mtimeMs } = statSync(interpreter);
    key = `${interpreter}\0${ino}\0${mtimeMs}`;
  } catch {
    // Asking it says what is wrong.
  }
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = ask(interpreter);
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
  }
  return answer;
}

async function ask(interpreter: string): Promise<{ sites: string[]; markers: MarkerEnvironment }> {
  try {
    const { stdout } = await promisify(execFile)(interpreter, ["-I", "-S", "-c", question], {
      env: {},
      timeout: 20_000,
      maxBuffer: 1 << 20,
    });
    return JSON.parse(stdout);
  } catch (cause) {
    const message = `failed to ask ${interpreter} where its packages are: ${(cause as Error).message}`;
    throw new OrchestratorError("PACKAGE_NOT_FOUND", message, { cause });
  }
}

function existingDirectory(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}
