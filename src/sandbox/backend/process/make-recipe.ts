/** Makes the launch recipe of a configuration and a language: what cold starts, warm starts and sessions share. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { OrchestratorError } from "../../../model/error.js";
import type { ResolvedSandboxConfig } from "../../config.js";
import { type Interpreter, type Language, languageNamed, languageNames } from "../../language.js";
import { driverFolder, insideUser, type LaunchRecipe, type RecipePart, writableFolders } from "../../recipe.js";
import { hostSeccompProgram } from "../../seccomp/index.js";
import { rootMounts } from "./root.js";
import { supervisorFolder } from "./supervisor-folder.js";

const interpreters = new Map<Language, ReturnType<Language["findInterpreter"]>>();

/** The interpreter of a language; looked for once. */
export function interpreterOf(language: Language): ReturnType<Language["findInterpreter"]> {
  const known = interpreters.get(language);
  if (known !== undefined) return known;
  const found = language.findInterpreter();
  interpreters.set(language, found);
  found.catch(() => interpreters.delete(language));
  return found;
}

/** @throws OrchestratorError `SANDBOX_FAILURE` that says how to install it. */
export async function requireInterpreter(language: Language): Promise<Interpreter> {
  const interpreter = await interpreterOf(language);
  if (!("missing" in interpreter)) return interpreter;
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    `no interpreter for ${language.name}: ${interpreter.missing}; ${interpreter.remedy}`,
  );
}

export const commonEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/bin:/bin",
  HOME: insideUser.home,
  USER: insideUser.name,
  LOGNAME: insideUser.name,
  LANG: "C.UTF-8",
  TMPDIR: writableFolders.temporary,
  TERM: "dumb",
};

/**
 * @param parts package views and network attachments, in order.
 * @param hiddenFolders folders of packages of every language there is.
 */
export function makeRecipe(
  config: ResolvedSandboxConfig,
  language: Language,
  interpreter: Interpreter,
  parts: readonly RecipePart[],
  hiddenFolders: readonly string[],
): LaunchRecipe {
  const { limits } = config;
  const environment = Object.assign(
    {},
    commonEnvironment,
    language.environment,
    ...parts.map((part) => part.environment),
  );
  const shareNetwork = !config.networkDisabled && config.allowedDomains.length === 0;
  const mounts = rootMounts(language, interpreter, supervisorFolder(), parts, hiddenFolders, shareNetwork);
  const companions = parts.flatMap((part) => part.companions ?? []);
  const command = language.command(interpreter, driverFolder);
  // Limits of output, value, time and artifacts are kept outside and differ from run to run of one recipe.
  const { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes } = limits;
  const sandboxLimits = { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes };
  const shape = [language.name, sandboxLimits, mounts, environment, shareNetwork, companions, command];
  const key = createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, 32);
  return {
    key,
    language,
    interpreter,
    limits,
    mounts,
    environment,
    shareNetwork,
    companions,
    waitForPorts: parts.flatMap((part) => part.waitForPort ?? []),
    preload: parts.flatMap((part) => part.preload ?? []),
    seccomp: hostSeccompProgram(),
    command,
  };
}

/** Folders of packages of every language that has an interpreter here: seen by none, unless a view shows them. */
export async function hiddenPackageFolders(): Promise<readonly string[]> {
  const found = await Promise.all(languageNames().map((name) => interpreterOf(languageNamed(name))));
  const folders = found.flatMap((interpreter) => ("missing" in interpreter ? [] : interpreter.packageFolders));
  return [...new Set(folders)].filter((folder) => existsSync(folder)).sort();
}
