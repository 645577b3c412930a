/** What the allowed distributions require, and what that requires in turn, as installed on this machine. */
import {
  type Distribution,
  type DistributionEntry,
  keyOf,
  listDistributions,
  readDistribution,
} from "./distribution.js";
import { type DpkgIndex, type DpkgPackage, readDpkg } from "./dpkg.js";
import type { PythonEnvironment } from "./environment.js";
import { evaluateMarker } from "./marker.js";
import { guessedPaths, recordedPaths } from "./ownership.js";
import type { PythonRequirement } from "./requirement.js";
import { satisfies } from "./specifier.js";
import { parsePythonVersion } from "./version.js";

/** The installed distributions of an environment, to be asked by name. */
export class InstalledDistributions {
  readonly #environment: PythonEnvironment;
  readonly #entries: ReadonlyMap<string, DistributionEntry>[];
  readonly #read = new Map<string, Distribution>();

  constructor(environment: PythonEnvironment) {
    this.#environment = environment;
    this.#entries = environment.siteDirectories.map(listDistributions);
  }

  /** The distribution of that normalised name that Python would find. */
  find(key: string): Distribution | undefined {
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const entry = this.#entries.find((entries) => entries.has(key))?.get(key);
    if (entry === undefined) return undefined;
    const distribution = readDistribution(entry);
    this.#read.set(key, distribution);
    return distribution;
  }

  names(): string[] {
    return this.#entries.flatMap((entries) => [...entries.keys()]);
  }

  /** dpkg's records of the site directory that `distribution` is in, where dpkg installed it. */
  dpkgPackageOf(distribution: Distribution): { index: DpkgIndex; package: DpkgPackage } | undefined {
    const index = readDpkg(distribution.site, this.#environment.dpkgDirectory);
    const name = index.ownerOf.get(distribution.metadata);
    return name === undefined ? undefined : { index, package: index.packages.get(name)! };
  }
}

export interface Closure {
  readonly distributions: ReadonlyMap<string, Distribution>;
  /** Paths that belong to them, relative to their site directory, by site directory. */
  readonly owned: ReadonlyMap<string, ReadonlySet<string>>;
  readonly unmet: readonly string[];
}

/** Walks the requirements of `wanted` through metadata, and through dpkg where it installed the distribution. */
export function closureOf(
  wanted: readonly Distribution[],
  installed: InstalledDistributions,
  environment: PythonEnvironment,
): Closure {
  const walk = new Walk(installed, environment);
  for (const distribution of wanted) walk.visit(distribution, []);
  return walk;
}

class Walk implements Closure {
  readonly distributions = new Map<string, Distribution>();
  readonly owned = new Map<string, Set<string>>();
  readonly unmet: string[] = [];
  readonly #installed: InstalledDistributions;
  readonly #environment: PythonEnvironment;
  readonly #visited = new Set<string>();
  readonly #packages = new Set<string>();

  constructor(installed: InstalledDistributions, environment: PythonEnvironment) {
    this.#installed = installed;
    this.#environment = environment;
  }

  visit(distribution: Distribution, extras: readonly string[]): void {
    const visit = [distribution.key, ...extras].join("\0");
    if (this.#visited.has(visit)) return;
    this.#visited.add(visit);
    if (!this.distributions.has(distribution.key)) this.#add(distribution);
    for (const requirement of distribution.requirements) {
      if (this.#holds(requirement, extras)) this.#require(requirement, distribution);
    }
  }

  #add(distribution: Distribution): void {
    this.distributions.set(distribution.key, distribution);
    const dpkg = this.#installed.dpkgPackageOf(distribution);
    if (dpkg !== undefined) this.#addDpkg(dpkg.index, dpkg.package, distribution);
    const recorded = recordedPaths(distribution) ?? (dpkg === undefined ? guessedPaths(distribution) : []);
    this.#own(distribution.site, recorded);
  }

  /**
   * All that a package of Debian's has in the site directory, with the parts of it that were packaged apart. What else it depends on is
   * followed where the metadata is of the kind (egg-info) that Debian takes requirements out of.
   */
  #addDpkg(index: DpkgIndex, found: DpkgPackage, distribution: Distribution): void {
    const { site } = distribution;
    if (this.#packages.has(`${site}\0${found.name}`)) return;
    this.#packages.add(`${site}\0${found.name}`);
    this.#own(site, found.paths);
    for (const metadata of index.metadataOf(found.name)) this.#addOwned(site, metadata);
    for (const name of found.depends) {
      const isPart = index.metadataOf(name).length === 0;
      if (isPart || distribution.kind !== "dist-info") this.#addDpkg(index, index.packages.get(name)!, distribution);
    }
  }

  #addOwned(site: string, metadata: string): void {
    const distribution = this.#installed.find(keyOf(metadata));
    if (distribution?.site === site && distribution.metadata === metadata) this.visit(distribution, []);
  }

  #own(site: string, paths: readonly string[]): void {
    const owned = this.owned.get(site) ?? new Set();
    for (const path of paths) owned.add(path);
    this.owned.set(site, owned);
  }

  #holds(requirement: PythonRequirement, extras: readonly string[]): boolean {
    try {
      return requirement.marker === undefined || evaluateMarker(requirement.marker, this.#environment.markers, extras);
    } catch {
      // A marker that cannot be read is taken to hold: what is required in vain is only left out.
      return true;
    }
  }

  #require(requirement: PythonRequirement, by: Distribution): void {
    const found = this.#installed.find(requirement.key);
    const wanted = `${by.name} requires ${describeRequirement(requirement)}`;
    if (found === undefined) {
      this.unmet.push(`${wanted}, which is not installed`);
      return;
    }
    if (!matches(found, requirement)) this.unmet.push(`${wanted}, but ${found.version} is installed`);
    this.visit(found, requirement.extras);
  }
}

/** Whether what is installed has a version that was asked for. A version that is none in PEP 440 matches only where any does. */
export function matches(distribution: Distribution, requirement: PythonRequirement): boolean {
  if (requirement.specifiers.length === 0) return true;
  const version = parsePythonVersion(distribution.version);
  return version !== undefined && satisfies(version, requirement.specifiers);
}

export function describeRequirement(requirement: PythonRequirement): string {
  const specifiers = requirement.specifiers.map(
    ({ operator, text, prefix }) => `${operator}${text}${prefix ? ".*" : ""}`,
  );
  return `${requirement.name}${specifiers.join(",")}`;
}
