/** Allowed packages: from a caller's list to what a sandbox shows. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type AllowedEntry, readAllowedPackages } from "./allowed-list.js";
import { hasNpmPackage, resolveNpmView } from "./javascript/resolve.js";
import { InstalledDistributions } from "./python/closure.js";
import { type PythonEnvironment, readPythonEnvironment } from "./python/environment.js";
import { resolvePythonView } from "./python/resolve.js";
import { checkReachable } from "./reachable.js";
import type { PackageView } from "./view.js";

export type { PackageBind, PackageView } from "./view.js";

/** Languages that have packages. */
export type PackageLanguage = PackageView["language"];

/** Where installed packages are. */
export interface PackageSources {
  /** The Python that runs in the sandbox. Default `/usr/bin/python3`. */
  readonly pythonInterpreter?: string;
  /** The Python of an image, of which nothing has to be asked any more. */
  readonly pythonEnvironment?: PythonEnvironment;
  /** All of it is of an image, where no user of this machine goes. */
  readonly ofImage?: boolean;
  /** Directories of Python distributions that are searched before the interpreter's own, such as a virtual environment's `site-packages`. */
  readonly siteDirectories?: readonly string[];
  /** `node_modules` directories. Default: the global one of the running Node and Debian's `/usr/share/nodejs`, where they exist. */
  readonly nodeModules?: readonly string[];
}

/** How long a view is given again without looking at the directories, in milliseconds: a burst of runs asks once. */
const trustedForMs = 1000;
const keptViews = 64;
const systemNodeModules = [join(dirname(dirname(process.execPath)), "lib", "node_modules"), "/usr/share/nodejs"];

/** Sources with the folders of a configuration: those called `node_modules` are JavaScript's, the others Python's. */
export function sourcesWith(pythonInterpreter: string | undefined, folders: readonly string[]): PackageSources {
  const isNpm = (folder: string) => basename(folder) === "node_modules";
  return {
    ...(pythonInterpreter === undefined ? {} : { pythonInterpreter }),
    siteDirectories: folders.filter((folder) => !isNpm(folder)),
    nodeModules: [...folders.filter(isNpm), ...systemNodeModules],
  };
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
   * The view of `entries` for a language: those of them that the language has, so that an empty list gives the standard library alone.
   *
   * @throws InvalidOptionError for entries that are no names with version specifiers.
   * @throws OrchestratorError `PACKAGE_NOT_FOUND` for one that is installed for no language; it says how to install it.
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
    if (this.#sources.ofImage !== true) checkReachable(view);
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
    const allowed = readAllowedPackages(entries);
    if (language === "javascript") {
      const wanted = allowed.filter(({ javascript }) => javascript !== undefined);
      const distributions = wanted.some(({ python }) => python !== undefined) ? await this.#distributions() : undefined;
      const isElsewhere = ({ python, javascript }: AllowedEntry) =>
        !hasNpmPackage(javascript!.name, directories) && distributions?.find(python?.key ?? "") !== undefined;
      return resolveNpmView(
        wanted.filter((entry) => !isElsewhere(entry)).map(({ javascript }) => javascript!),
        directories,
      );
    }
    const wanted = allowed.filter(({ python }) => python !== undefined);
    const environment = await this.#environment();
    const installed = new InstalledDistributions(environment);
    const isElsewhere = ({ python, javascript }: AllowedEntry) =>
      installed.find(python!.key) === undefined &&
      javascript !== undefined &&
      hasNpmPackage(javascript.name, this.#nodeModules());
    return resolvePythonView(
      wanted.filter((entry) => !isElsewhere(entry)).map(({ python }) => python!),
      environment,
      installed,
    );
  }

  /** `undefined` on a machine without Python. */
  async #distributions(): Promise<InstalledDistributions | undefined> {
    try {
      return new InstalledDistributions(await this.#environment());
    } catch {
      return undefined;
    }
  }

  async #environment(): Promise<PythonEnvironment> {
    const { pythonInterpreter = "/usr/bin/python3", siteDirectories = [], pythonEnvironment } = this.#sources;
    if (pythonEnvironment !== undefined) return pythonEnvironment;
    return readPythonEnvironment(pythonInterpreter, siteDirectories);
  }

  #nodeModules(): string[] {
    const roots = this.#sources.nodeModules ?? systemNodeModules;
    return roots.filter((root) => existsSync(root)).map((root) => realpathSync(root));
  }
}

/** Changes when something is installed at the path or removed from it. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "gone" : `${stat.dev}:${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}`;
}
