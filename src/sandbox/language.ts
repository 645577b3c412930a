/**
 * The languages that a sandbox speaks. A language is one small file: where its interpreter is, what of the host it
 * needs to see, and its driver: the program that runs inside, takes a job from the channel, runs the code and reports
 * (see `channel/` for what they say to each other).
 */

import { nearestName } from "../model/check.js";
import { InvalidOptionError } from "../model/error.js";
import type { Mount } from "./recipe.js";

/** An interpreter of this host, found and asked. */
export interface Interpreter {
  /** Real path of the binary on the host, and, because binds keep paths, inside. */
  readonly path: string;
  readonly version: string;
  /** What must be visible besides the common base (see `backend/process/root.ts`). */
  readonly mounts: readonly Mount[];
  /** Folders of packages that are hidden unless a package view shows them. */
  readonly packageFolders: readonly string[];
}

export interface Language {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Suffix of a source file, with its dot: how `orchestrator exec` tells a language. */
  readonly extensions: readonly string[];
  /** Files of the driver by name; they lie in the sandbox's `/run/driver`, read-only. */
  readonly driverFiles: Readonly<Record<string, string>>;
  /** Finds the interpreter, or says why there is none. Asked once for each process. */
  findInterpreter(): Promise<Interpreter | { readonly missing: string; readonly remedy: string }>;
  /** The command that starts the driver inside; the number of its channel's descriptor follows as last argument. */
  command(interpreter: Interpreter, driverFolder: string): readonly string[];
  /** Names of files in the working folder that are the driver's own and no artifacts, besides the source. */
  readonly ownFiles?: RegExp;
  /** Variables that the interpreter needs, over the common ones. */
  readonly environment: Readonly<Record<string, string>>;
}

const languages = new Map<string, Language>();

/** Makes a language known. A later one of the same name replaces the earlier. */
export function registerLanguage(language: Language): void {
  for (const name of [language.name, ...language.aliases]) languages.set(name, language);
}

export function languageNames(): readonly string[] {
  return [...new Set([...languages.values()].map((language) => language.name))];
}

/** @throws InvalidOptionError that names the option and the languages there are. */
export function languageNamed(name: string, option = "language"): Language {
  const language = typeof name === "string" ? languages.get(name) : undefined;
  if (language !== undefined) return language;
  const nearest = typeof name === "string" ? nearestName(name, languages.keys()) : undefined;
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  const message = `takes one of ${languageNames().join(", ")}, got ${JSON.stringify(name)}${hint}`;
  throw new InvalidOptionError([{ where: option, message }]);
}

/** The language of a source file by its suffix, or `undefined`. */
export function languageOfFile(path: string): Language | undefined {
  return [...languages.values()].find((language) => language.extensions.some((suffix) => path.endsWith(suffix)));
}
