/**
 * What Debian knows of the files in a site directory.
 *
 * Debian's Python packages often come without a list of their files (RECORD), and some with the unconditional part of their requirements
 * removed (pandas 1.5 requires nothing, says its requires.txt), because dpkg holds both. Some are split so
 * that a part has no Python metadata at all (python3-pandas-lib). So for what dpkg installed, dpkg is asked.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface DpkgPackage {
  readonly name: string;
  /** Paths of its files and directories below the site directory, relative to it. */
  readonly paths: readonly string[];
  /** Packages that it depends on and that have files in the same site directory. */
  readonly depends: readonly string[];
}

export interface DpkgIndex {
  /** By name. */
  readonly packages: ReadonlyMap<string, DpkgPackage>;
  /** Name of the package that owns an entry of metadata, by the entry's name in the site directory. */
  readonly ownerOf: ReadonlyMap<string, string>;
  /** Names of the entries of metadata that a package owns. */
  metadataOf(name: string): readonly string[];
}

const empty: DpkgIndex = { packages: new Map(), ownerOf: new Map(), metadataOf: () => [] };
const metadataEntry = /^[^/]+\.(?:dist|egg)-info$/;
const indexes = new Map<string, { readonly changedAt: number; readonly index: DpkgIndex }>();

/** The index of one site directory, made once for each state of dpkg's database (about 50 ms for a thousand packages). */
export function readDpkg(site: string, directory = "/var/lib/dpkg"): DpkgIndex {
  const status = join(directory, "status");
  let changedAt: number;
  try {
    changedAt = statSync(status).mtimeMs;
  } catch {
    return empty;
  }
  const key = `${directory}\0${site}`;
  const known = indexes.get(key);
  if (known?.changedAt === changedAt) return known.index;
  const index = makeIndex(site, directory, readFileSync(status, "utf8"));
  indexes.set(key, { changedAt, index });
  return index;
}

function makeIndex(site: string, directory: string, status: string): DpkgIndex {
  const paths = readLists(site, join(directory, "info"));
  if (paths.size === 0) return empty;
  const ownerOf = new Map<string, string>();
  for (const [name, owned] of paths) {
    for (const path of owned) if (metadataEntry.test(path)) ownerOf.set(path, name);
  }
  const relations = readRelations(status, paths);
  const provider = new Map<string, string>();
  for (const [name, { provides }] of relations) for (const virtual of provides) provider.set(virtual, name);
  const packages = new Map<string, DpkgPackage>();
  for (const [name, owned] of paths) {
    const groups = relations.get(name)?.depends ?? [];
    const depends = groups.map((group) =>
      group.map((other) => (paths.has(other) ? other : provider.get(other))).find((other) => other !== undefined),
    );
    const known = depends.filter((other) => other !== undefined && other !== name) as string[];
    packages.set(name, { name, paths: owned, depends: [...new Set(known)] });
  }
  const metadataOf = (name: string) => packages.get(name)?.paths.filter((path) => metadataEntry.test(path)) ?? [];
  return { packages, ownerOf, metadataOf };
}

/** Paths below `site` by package, of the packages that have any. */
function readLists(site: string, info: string): Map<string, string[]> {
  const prefix = `${site}/`;
  const paths = new Map<string, string[]>();
  for (const file of readdirSync(info)) {
    if (!file.endsWith(".list")) continue;
    const text = readFileSync(join(info, file), "latin1");
    if (!text.includes(prefix)) continue;
    const owned = Buffer.from(text, "latin1").toString("utf8").split("\n");
    paths.set(
      file.slice(0, -".list".length).replace(/:.*/, ""),
      owned.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)),
    );
  }
  return paths;
}

interface Relations {
  readonly provides: readonly string[];
  /** One group for each dependency, its alternatives in order. */
  readonly depends: readonly (readonly string[])[];
}

function readRelations(status: string, wanted: ReadonlyMap<string, unknown>): Map<string, Relations> {
  const relations = new Map<string, Relations>();
  for (const stanza of status.split("\n\n")) {
    const name = field(stanza, "Package");
    if (!wanted.has(name)) continue;
    const depends = [field(stanza, "Pre-Depends"), field(stanza, "Depends")].filter((text) => text !== "").join(", ");
    relations.set(name, {
      provides: listOf(field(stanza, "Provides")).map(bareName),
      depends: listOf(depends).map((group) => group.split("|").map(bareName)),
    });
  }
  return relations;
}

function field(stanza: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, "m").exec(stanza)?.[1] ?? "";
}

function listOf(text: string): string[] {
  return text === "" ? [] : text.split(",");
}

/** `python3-numpy:any (>= 1:1.18)` as `python3-numpy`. */
function bareName(relation: string): string {
  return /^\s*([^\s:(]*)/.exec(relation)![1]!;
}
