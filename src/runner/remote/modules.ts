/**
 * Functions do not travel: a message names a module by a name that both sides know and by its version, and a worker
 * loads its own file. The version is a digest of the file unless one is given; a module that imports files of its own
 * should be bundled, or given a version by hand, because the digest sees the one file alone.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { OrchestratorError } from "../../model/error.js";

export interface NamedModule {
  readonly name: string;
  readonly version: string;
  /** `file:` URL. */
  readonly url: string;
}

/** A module to register: its file, or file with name and version. */
export type ModuleOption =
  | string
  | URL
  | { readonly file: string | URL; readonly name?: string; readonly version?: string };

/** @throws OrchestratorError `MODULE_NOT_LOADED` where the file cannot be read. */
export function nameModule(option: ModuleOption): NamedModule {
  const given = typeof option === "string" || option instanceof URL ? { file: option } : option;
  const path = pathOf(given.file);
  const { name = basename(path, extname(path)), version = digest(path) } = given as { name?: string; version?: string };
  return { name, version, url: pathToFileURL(path).href };
}

/** `tasks.js`, `name=tasks.js` or `name@version=tasks.js`, as on a command line. */
export function parseModuleOption(text: string): ModuleOption {
  const match = /^(?<name>[\w.-]+)(?:@(?<version>[\w.+-]+))?=(?<file>.+)$/.exec(text);
  if (match === null) return text;
  const { name, version, file } = match.groups as { name: string; version?: string; file: string };
  return version === undefined ? { file, name } : { file, name, version };
}

/** Names of the modules whose functions an executor sends away. */
export class ModuleNames {
  readonly #byUrl = new Map<string, NamedModule>();

  constructor(given: readonly ModuleOption[] = []) {
    for (const option of given) {
      const named = nameModule(option);
      this.#byUrl.set(named.url, named);
    }
  }

  of(url: string): NamedModule {
    let named = this.#byUrl.get(url);
    if (named === undefined) {
      named = nameModule(url);
      this.#byUrl.set(url, named);
    }
    return named;
  }
}

/** Modules that a worker offers, several versions of one beside each other where they are registered. */
export class ModuleRegistry {
  readonly #modules = new Map<string, NamedModule>();

  constructor(options: readonly ModuleOption[]) {
    for (const option of options) {
      const named = nameModule(option);
      this.#modules.set(`${named.name}@${named.version}`, named);
    }
  }

  get names(): readonly string[] {
    return [...this.#modules.keys()];
  }

  /** URL of the module, or `undefined` where this worker does not have it in that version. */
  find(name: string, version: string): string | undefined {
    return this.#modules.get(`${name}@${version}`)?.url;
  }
}

function pathOf(file: string | URL): string {
  if (file instanceof URL) return fileURLToPath(file);
  return file.startsWith("file:") ? fileURLToPath(file) : resolve(file);
}

function digest(path: string): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 12);
  } catch (error) {
    throw new OrchestratorError("MODULE_NOT_LOADED", `cannot read the module ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
