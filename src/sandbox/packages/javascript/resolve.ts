/**
 * `allowedPackages: ["lodash", "zod@^4"]` for JavaScript as a view of the file system.
 *
 * Packages are looked for in the `node_modules` directories of the configuration and shown below `/node_modules` of the sandbox, where both
 * `require` and `import` look from any directory. A package is shown with what is nested in it; what it
 * requires and npm put beside it, or what a store links to, is shown beside it as well. So every version that is not nested must
 * be the only one of its package, which is how npm lays them out.
 */
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import satisfies from "semver/functions/satisfies.js";
import { OrchestratorError } from "../../../model/error.js";
import { plainBind, resolveBinds, viewDigest } from "../identity.js";
import type { PackageView } from "../view.js";
import { isNpmName, type NpmRequirement } from "./requirement.js";

/** Where packages are shown in the sandbox. */
export const sandboxModulesDirectory = "/node_modules";

interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Without links. */
  readonly directory: string;
  readonly manifest: Manifest;
}

interface Manifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/**
 * The view of `requirements`, each the result of `parseNpmRequirement`.
 *
 * @param roots `node_modules` directories, the first to be searched first.
 * @throws OrchestratorError `PACKAGE_NOT_FOUND` for one that is not installed, or not in a version that was asked for.
 */
export function resolveNpmView(requirements: readonly NpmRequirement[], roots: readonly string[]): PackageView {
  const walk = new Walk(roots);
  for (const requirement of requirements) walk.visit(findWanted(requirement, roots));
  const shown = [...walk.packages.values()];
  const binds = resolveBinds(
    shown.map(({ name, directory }) => ({ source: directory, target: `${sandboxModulesDirectory}/${name}` })),
  );
  const versions = Object.fromEntries(shown.map(({ name, version }) => [name, version] as const).sort());
  return {
    language: "javascript",
    digest: viewDigest("javascript", [], versions, binds),
    roots: [sandboxModulesDirectory],
    binds: binds.map(plainBind),
    data: [],
    environment: {},
    importNames: [...new Set(requirements.map(({ name }) => name))].sort(),
    versions,
    unmet: walk.unmet,
  };
}

/** Whether any version of a package lies in one of the directories. */
export function hasNpmPackage(name: string, roots: readonly string[]): boolean {
  return findIn(roots, name) !== undefined;
}

function findWanted({ name, range }: NpmRequirement, roots: readonly string[]): NpmPackage {
  const searched = roots.length === 0 ? "no node_modules directory is configured" : `searched ${roots.join(", ")}`;
  const remedy = `install it with "npm install ${range === "*" ? name : `${name}@'${range}'`}"`;
  const found = findIn(roots, name);
  if (found === undefined) throw notFound(`allowed package "${name}" is not installed (${searched}): ${remedy}`);
  if (!satisfies(found.version, range, { includePrerelease: true }))
    throw notFound(
      `allowed package "${name}@${range}": version ${found.version} is installed in ${found.directory}; ${remedy}`,
    );
  return found;
}

function findIn(roots: readonly string[], name: string): NpmPackage | undefined {
  return roots.map((root) => readPackage(join(root, name), name)).find((found) => found !== undefined);
}

function notFound(message: string): OrchestratorError {
  return new OrchestratorError("PACKAGE_NOT_FOUND", message);
}

function readPackage(directory: string, name: string): NpmPackage | undefined {
  let manifest: Manifest;
  let real: string;
  try {
    real = realpathSync(directory);
    manifest = JSON.parse(readFileSync(join(real, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
  return { name, version: String(manifest.version ?? "0.0.0"), directory: real, manifest };
}

class Walk {
  readonly packages = new Map<string, NpmPackage>();
  readonly unmet: string[] = [];
  readonly #roots: readonly string[];
  readonly #visited = new Set<string>();

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  visit(found: NpmPackage): void {
    if (this.#visited.has(found.directory)) return;
    this.#visited.add(found.directory);
    if (!this.#isNested(found)) this.#show(found);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = found.manifest;
    for (const [name, range] of Object.entries(dependencies ?? {}))
      this.#require(found, name, range, optionalDependencies?.[name] === undefined);
    for (const [name, range] of Object.entries(optionalDependencies ?? {})) this.#require(found, name, range, false);
    for (const [name, range] of Object.entries(peerDependencies ?? {}))
      this.#require(found, name, range, peerDependenciesMeta?.[name]?.optional !== true);
  }

  /** Whether it lies in a package that is shown, and so is shown with it. */
  #isNested(found: NpmPackage): boolean {
    return [...this.packages.values()].some(({ directory }) => found.directory.startsWith(`${directory}/`));
  }

  #show(found: NpmPackage): void {
    const other = this.packages.get(found.name);
    // A link out of every store leads to somebody's working copy, with whatever lies in it besides the package.
    if (
      !found.directory.includes("/node_modules/") &&
      !this.#roots.some((root) => found.directory.startsWith(`${root}/`))
    )
      throw notFound(
        `allowed package "${found.name}" is a link to ${found.directory}; install it from a packed archive`,
      );
    if (other !== undefined && other.directory !== found.directory) {
      const both = `${other.version} in ${other.directory} and ${found.version} in ${found.directory}`;
      throw notFound(
        `allowed packages require two versions of "${found.name}": ${both}; install them into one node_modules directory with npm`,
      );
    }
    this.packages.set(found.name, found);
  }

  #require(by: NpmPackage, name: string, range: string, needed: boolean): void {
    if (!isNpmName(name)) return;
    const found = findFrom(by.directory, name) ?? findIn(this.#roots, name);
    if (found !== undefined) {
      this.visit(found);
      return;
    }
    if (needed) this.unmet.push(`${by.name} requires ${name}@${range}, which is not installed`);
  }
}

/** The package that Node would find from a directory: the nearest `node_modules` upwards that has it. */
function findFrom(start: string, name: string): NpmPackage | undefined {
  for (let directory = start; ; directory = dirname(directory)) {
    if (!directory.endsWith("/node_modules")) {
      const found = readPackage(join(directory, "node_modules", name), name);
      if (found !== undefined) return found;
    }
    if (directory === dirname(directory)) return undefined;
  }
}
