/**
 * Which files of this host make up a set of Debian packages with all that they depend on: what dpkg itself knows, so
 * that an image holds the very interpreters and libraries that allowed packages are looked up in.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { OrchestratorError } from "../../../../model/error.js";

interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly essential: boolean;
  readonly provides: readonly string[];
  /** Each entry is a list of alternatives. */
  readonly depends: readonly (readonly string[])[];
}

export interface DebianClosure {
  /** Version by name. */
  readonly versions: ReadonlyMap<string, string>;
  /** Absolute paths of files, links and folders, parents before what is in them. */
  readonly paths: readonly string[];
}

const database = "/var/lib/dpkg";

/** Nothing that runs reads these. */
const unneeded = [
  /^\/usr\/share\/(?:doc|man|info|locale|lintian|bash-completion|doc-base|icons|pixmaps|applications|bug|menu|gtk-doc)(?:\/|$)/,
  /^\/usr\/(?:include|src|games|sbin|local)(?:\/|$)/,
  /^\/(?!usr\/|usr$|bin$|lib$|lib32$|lib64$|etc\/alternatives|etc\/ssl|lib\/|lib64\/|bin\/)/,
  /\.(?:a|la)$/,
  /^\/usr\/lib\/gcc(?:-cross)?(?:\/|$)/,
  /^\/(?:usr\/)?lib\/(?:modules|firmware|systemd|udev)(?:\/|$)/,
  /^\/usr\/lib\/python3(?:\.\d+)?(?:\/dist-packages\/[^/]+)?\/tests?(?:\/|$)/,
];

/** Packages of the system that every Debian has, and those that are named, with their requirements. */
export function debianClosure(names: readonly string[]): DebianClosure {
  const installed = installedPackages(readFileSync(join(database, "status"), "utf8"));
  const providers = new Map<string, InstalledPackage>();
  for (const found of installed.values()) for (const name of found.provides) providers.set(name, found);
  const find = (name: string) => installed.get(name) ?? providers.get(name);
  const taken = new Map<string, InstalledPackage>();
  const queue = [...installed.values()].filter((found) => found.essential);
  for (const name of names) {
    const found = find(name);
    if (found === undefined)
      throw new OrchestratorError(
        "PACKAGE_NOT_FOUND",
        `the package ${name} is not installed here, and an image holds what this host has; install it: apt-get install ${name}`,
      );
    queue.push(found);
  }
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (taken.has(next.name)) continue;
    taken.set(next.name, next);
    for (const alternatives of next.depends) {
      const found = alternatives.map(find).find((candidate) => candidate !== undefined);
      if (found !== undefined) queue.push(found);
    }
  }
  const paths = new Set<string>();
  for (const name of taken.keys()) for (const path of filesOf(name)) paths.add(path);
  const versions = new Map([...taken.values()].map(({ name, version }) => [name, version]));
  for (const link of alternativeLinks(paths)) paths.add(link);
  for (const path of [...paths]) for (const compiled of compiledBeside(path)) paths.add(compiled);
  return { versions, paths: [...paths].filter((path) => isWanted(path)).sort() };
}

/**
 * The names behind which one of several packages stands (a library of linear algebra), as far as it is one of ours.
 * dpkg lists neither the name nor the link in `/etc/alternatives` that it leads to, which is copied with `/etc`.
 */
function alternativeLinks(paths: ReadonlySet<string>): string[] {
  const folder = join(database, "alternatives");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const [, master, ...rest] = readFileSync(join(folder, name), "utf8").split("\n");
    const end = rest.indexOf("");
    const slaves = rest.slice(0, Math.max(0, end)).filter((_, index) => index % 2 === 1);
    return [master ?? "", ...slaves].filter((link) => {
      const target = realpathIfThere(link);
      return target !== undefined && paths.has(target);
    });
  });
}

function realpathIfThere(path: string): string | undefined {
  try {
    return path === "" ? undefined : realpathSync(path);
  } catch {
    return undefined;
  }
}

/** What a package's own set-up has compiled, which no list names: without it a guest would compile at every import. */
function compiledBeside(path: string): string[] {
  if (!path.startsWith("/usr/lib/python3") || !isWanted(path) || !lstatSync(path).isDirectory()) return [];
  const folder = join(path, "__pycache__");
  if (!existsSync(folder)) return [];
  return [folder, ...readdirSync(folder).map((name) => join(folder, name))];
}

/** Whether the database of dpkg can be read here. */
export function hasDpkg(): boolean {
  return lstatSync(join(database, "status"), { throwIfNoEntry: false }) !== undefined;
}

function isWanted(path: string): boolean {
  if (unneeded.some((pattern) => pattern.test(path))) return false;
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** States of dpkg in which all files of a package are in place, whatever is left to be set up: triggers may be pending for long. */
const filesAreThere = / (?:installed|triggers-pending|triggers-awaited|half-configured|unpacked)$/;

/** What dpkg's own account of its packages (`/var/lib/dpkg/status`) says is here. */
export function installedPackages(status: string): Map<string, InstalledPackage> {
  const installed = new Map<string, InstalledPackage>();
  for (const paragraph of status.split("\n\n")) {
    const fields = new Map<string, string>();
    for (const line of paragraph.replace(/\n[ \t]+/g, " ").split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const name = fields.get("Package");
    if (name === undefined || !filesAreThere.test(fields.get("Status") ?? "")) continue;
    const relations = (field: string) =>
      (fields.get(field) ?? "").split(",").flatMap((entry) => {
        const alternatives = entry
          .split("|")
          .map((alternative) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(alternative)?.[1])
          .filter((found) => found !== undefined);
        return alternatives.length === 0 ? [] : [alternatives];
      });
    installed.set(name, {
      name,
      version: fields.get("Version") ?? "",
      essential: fields.get("Essential") === "yes",
      provides: relations("Provides").flat(),
      depends: [...relations("Pre-Depends"), ...relations("Depends")],
    });
  }
  return installed;
}

let lists: Map<string, string> | undefined;

function filesOf(name: string): string[] {
  if (lists === undefined) {
    lists = new Map();
    for (const file of readdirSync(join(database, "info"))) {
      const match = /^([^:]+)(?::[^.]+)?\.list$/.exec(file);
      if (match !== null) lists.set(match[1]!, join(database, "info", file));
    }
  }
  const list = lists.get(name);
  return list === undefined
    ? []
    : readFileSync(list, "utf8")
        .split("\n")
        .filter((path) => path !== "" && path !== "/.");
}
