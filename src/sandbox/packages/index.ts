/** Allowed packages: from a caller's list to what a sandbox shows. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { InvalidOptionError, type Problem } from "../../model/error.js";
import { parseNpmRequirement } from "./javascript/requirement.js";
import { resolveNpmView } from "./javascript/resolve.js";
import { readPythonEnvironment } from "./python/environment.js";
import { parseAllowedDistribution } from "./python/requirement.js";
import { resolvePythonView } from "./python/resolve.js";
import type { PackageView } from "./view.js";

export { packagePart } from "./part.js";
export type { PackageBind, PackageView } from "./view.js";

/** Languages that have packages. */
export type PackageLanguage = PackageView["language"];

/** Where installed packages are. */
export interface PackageSources {
  /** The Python that runs in the sandbox. Default `/usr/bin/python3`. */
  readonly pythonInterpreter?: string;
  /** Directories of Python distributions that are searched before the interpreter's own, such as a virtual environment's `site-packages`. */
  readonly siteDirectories?: readonly string[];
  /** `node_modules` directories. Default: the global one of the running Node and Debian's `/usr/share/nodejs`, where they exist. */
  readonly nodeModules?: readonly string[];
}

/** How long a view is given again without looking at the directories, in milliseconds: a burst of runs asks once. */
const trustedForMs = 1000;
const keptViews = 64;
const systemNodeModules = [join(dirname(dirname(process.execPath)), "lib", "node_modules"), "/usr/share/nodejs"];

/**
 * The entries of `allowedPackages` that no language takes, as problems of `name[index]`.
 *
 * The language is known only when code comes, so this refuses what is wrong for all of them: URLs, paths, options, markers.
 */
export function allowedPackagesProblems(name: string, entries: readonly unknown[]): Problem[] {
  return entries.flatMap((entry, index) => {
    const where = `${name}[${index}]`;
    if (typeof entry !== "string") return [{ where, message: "takes the name of a package as a string" }];
    const problem = problemOf(() => parseAllowedDistribution(entry));
    if (problem === undefined || problemOf(() => parseNpmRequirement(entry)) === undefined) return [];
    return [{ where, message: `${JSON.stringify(entry)}: ${problem}` }];
  });
}

/** The entries of `packageFolders` that are no absolute paths of directories. */
export function packageFoldersProblems(name: string, entries: readonly unknown[]): Problem[] {
  return entries.flatMap((entry, index) => {
    const isPath = typeof entry === "string" && isAbsolute(entry) && !entry.includes("\0");
    if (isPath && statSync(entry, { throwIfNoEntry: false })?.isDirectory() === true) return [];
    const message = `takes the absolute path of a directory that exists, got ${JSON.stringify(entry)}`;
    return [{ where: `${name}[${index}]`, message }];
  });
}

/** Sources with the folders of a configuration: those called `node_modules` are JavaScript's, the others Python's. */
export function sourcesWith(pythonInterpreter: string, folders: readonly string[]): PackageSources {
  const isNpm = (folder: string) => basename(folder) === "node_modules";
  return {
    pythonInterpreter,
    siteDirectories: folders.filter((folder) => !isNpm(folder)),
    nodeModules: [...folders.filter(isNpm), ...systemNodeModules],
  };
}

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

interface KnownView {
  readonly view: PackageView;
  readonly stamp: string;
  checkedAtMs: number;
}

/** Makes views, and makes each once for as long as the directories of packages stay as they are. */
export class PackageViews {
  readonly #sources: PackageSources;
  readonly #views = new Map<string, KnownView>();

  constructor(sources: PackageSources = {}) {
    this.#sources = sources;
  }

  /**
   * The view of `entries` for a language; an empty list gives the standard library alone.
   *
   * @throws InvalidOptionError for entries that are no names with version specifiers.
   * @throws OrchestratorError `PACKAGE_NOT_FOUND` for one that is not installed; it says how to install it.
   */
  async view(language: PackageLanguage, entries: readonly string[], now = performance.now()): Promise<PackageView> {
    const key = JSON.stringify([language, [...new Set(entries)].sort()]);
    const known = this.#views.get(key);
    if (known !== undefined && now - known.checkedAtMs < trustedForMs) return known.view;
    const directories = await this.#directories(language);
    const stampWith = (view: PackageView) =>
      [...directories, ...view.binds.map(({ source }) => source)].map(stampOf).join();
    if (known !== undefined && known.stamp === stampWith(known.view)) {
      known.checkedAtMs = now;
      return known.view;
    }
    const view = await this.#resolve(language, entries, directories);
    this.#views.delete(key);
    this.#views.set(key, { view, stamp: stampWith(view), checkedAtMs: now });
    if (this.#views.size > keptViews) this.#views.delete(this.#views.keys().next().value!);
    return view;
  }

  async #directories(language: PackageLanguage): Promise<readonly string[]> {
    if (language === "javascript") return this.#nodeModules();
    return (await this.#environment()).siteDirectories;
  }

  async #resolve(
    language: PackageLanguage,
    entries: readonly string[],
    directories: readonly string[],
  ): Promise<PackageView> {
    if (language === "javascript") return resolveNpmView(parseAll(entries, parseNpmRequirement), directories);
    return resolvePythonView(parseAll(entries, parseAllowedDistribution), await this.#environment());
  }

  #environment() {
    const { pythonInterpreter = "/usr/bin/python3", siteDirectories = [] } = this.#sources;
    return readPythonEnvironment(pythonInterpreter, siteDirectories);
  }

  #nodeModules(): string[] {
    const roots = this.#sources.nodeModules ?? systemNodeModules;
    return roots.filter((root) => existsSync(root)).map((root) => realpathSync(root));
  }
}

function parseAll<Requirement>(entries: readonly string[], parse: (entry: string) => Requirement): Requirement[] {
  const problems: Problem[] = [];
  const requirements = entries.flatMap((entry, index) => {
    try {
      return [parse(entry)];
    } catch (error) {
      const message = `${JSON.stringify(entry)}: ${(error as Error).message}`;
      problems.push({ where: `allowedPackages[${index}]`, message });
      return [];
    }
  });
  if (problems.length > 0) throw new InvalidOptionError(problems);
  return requirements;
}

/** Changes when something is installed at the path or removed from it. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "gone" : `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}`;
}
