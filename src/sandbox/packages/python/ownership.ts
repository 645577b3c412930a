/** Which paths of a site directory belong to a distribution, and the fewest entries that show exactly those. */
import { readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { type Distribution, readText } from "./distribution.js";

/** Paths of a distribution relative to its site directory, from the records that its installer left. */
export function recordedPaths(distribution: Distribution): string[] | undefined {
  const directory = join(distribution.site, distribution.metadata);
  const record = readText(join(directory, "RECORD"));
  if (record !== undefined) return record.split("\n").map(recordPath).filter(isInside);
  const installed = readText(join(directory, "installed-files.txt"));
  if (installed !== undefined) {
    const paths = installed.split("\n").map((line) => posix.join(distribution.metadata, line.trim()));
    return paths.filter(isInside);
  }
  return undefined;
}

/** Without any record: the modules that the distribution says it has, and its metadata. */
export function guessedPaths(distribution: Distribution): string[] {
  const modules = distribution.topLevel.length > 0 ? distribution.topLevel : [distribution.key.replaceAll("-", "_")];
  const entries = readdirSync(distribution.site);
  const isOfModule = (entry: string) =>
    modules.some(
      (name) => entry === name || entry === `${name}.py` || (entry.startsWith(`${name}.`) && entry.endsWith(".so")),
    );
  return [distribution.metadata, ...entries.filter(isOfModule)];
}

/** The first column of a line of RECORD (comma-separated values). */
function recordPath(line: string): string {
  const quoted = /^"((?:[^"]|"")*)"/.exec(line);
  const path = quoted === null ? line.slice(0, Math.max(0, line.indexOf(","))) : quoted[1]!.replaceAll('""', '"');
  return path === "" ? "" : posix.normalize(path);
}

function isInside(path: string): boolean {
  return path !== "" && path !== "." && !path.startsWith("/") && path !== ".." && !path.startsWith("../");
}

interface Node {
  readonly children: Map<string, Node>;
}

/**
 * The fewest files and directories of `site` that together show `owned` and no other distribution's modules.
 *
 * A regular package (a directory with its own `__init__.py`) is shown whole. So is a directory in which nothing lies that is not owned. A
 * namespace package that other distributions share is opened up, entry by entry.
 */
export function fewestEntries(site: string, owned: Iterable<string>): string[] {
  const root: Node = { children: new Map() };
  for (const path of owned) {
    let node = root;
    for (const part of path.split("/")) {
      if (part === "__pycache__") break;
      let child = node.children.get(part);
      if (child === undefined) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
  }
  const entries: string[] = [];
  for (const [name, node] of root.children) if (isShown(name)) entries.push(...cover(site, name, node));
  return [...entries, ...compiledBeside(site, entries)].sort();
}

/** Files that make namespaces by hand, which Python does by itself. */
function isShown(name: string): boolean {
  return !name.endsWith("-nspkg.pth");
}

/** `path` itself where all of it is owned, else those parts that are. Nothing where it does not exist. */
function cover(site: string, path: string, node: Node): string[] {
  const entries = listDirectory(join(site, path));
  if (entries === "missing") return [];
  if (entries === "file" || node.children.size === 0) return [path];
  if (node.children.has("__init__.py") && !isSharedNamespace(join(site, path))) return [path];
  const parts: string[] = [];
  let whole = true;
  for (const entry of entries) {
    if (entry === "__pycache__" || entry.endsWith(".pyc")) continue;
    const child = node.children.get(entry);
    const covered = child === undefined ? [] : cover(site, `${path}/${entry}`, child);
    if (covered[0] !== `${path}/${entry}`) whole = false;
    parts.push(...covered);
  }
  return whole ? [path] : parts;
}

function listDirectory(path: string): string[] | "file" | "missing" {
  try {
    return readdirSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOTDIR" ? "file" : "missing";
  }
}

function isSharedNamespace(directory: string): boolean {
  const source = readText(join(directory, "__init__.py")) ?? "";
  return source.length < 4096 && /extend_path|declare_namespace/.test(source);
}

/** The compiled forms of single-file modules, so that they need not be compiled again in every run. */
function compiledBeside(site: string, entries: readonly string[]): string[] {
  const modules = entries.filter((entry) => entry.endsWith(".py") && !entry.includes("/"));
  const cached = modules.length === 0 ? "missing" : listDirectory(join(site, "__pycache__"));
  if (typeof cached === "string") return [];
  return cached
    .filter((file) => modules.some((module) => file.startsWith(`${module.slice(0, -2)}cpython-`)))
    .map((file) => `__pycache__/${file}`);
}
