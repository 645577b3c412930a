/**
 * The code that a module brings along: its own file and every local file that it imports by name, and so on; an installed
 * package stands for itself by name and version. What is imported by a computed name, or read as a file, cannot be seen
 * from here: a task that does so declares it in `cache.files`.
 */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { init, parse } from "es-module-lexer";
import { OrchestratorError } from "../../model/error.js";

export interface ModuleClosure {
  /** Real paths, sorted. */
  readonly files: readonly string[];
  /** `name@version`, sorted. */
  readonly packages: readonly string[];
}

const mostFiles = 10_000;
const endings = ["", ".js", ".mjs", ".cjs", ".json", ".ts", ".mts", ".cts", ".node", "/index.js", "/index.ts"];
/** Over-cautious: what it finds in a comment or a string makes a key more particular, never wrong. */
const requested = /\b(?:require|import|from)\s*\(?\s*["'`]([^"'`\n]+)["'`]/g;

/** @throws OrchestratorError `NOT_KEYABLE` where an import leads to nothing that can be found. */
export async function moduleClosure(url: string): Promise<ModuleClosure> {
  await init;
  const files = new Set([realpathSync(fileURLToPath(url))]);
  const packages = new Set<string>();
  // A set that grows while it is walked is walked to its end.
  for (const file of files) {
    if (files.size > mostFiles) throw notKeyable(file, `more than ${mostFiles} files are imported`);
    if (!/\.(?:[cm]?[jt]s|jsx|tsx)$/.test(file)) continue;
    for (const specifier of specifiersOf(readFileSync(file, "utf8"))) add(specifier, file, files, packages);
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

interface Specifier {
  readonly name: string;
  /** Whether it is an import beyond doubt. */
  readonly certain: boolean;
}

function specifiersOf(source: string): Specifier[] {
  const found = new Map<string, boolean>();
  for (const [, name] of source.matchAll(requested)) found.set(name!, false);
  try {
    for (const { specifier } of parse(source)[0]) if (typeof specifier === "string") found.set(specifier, true);
  } catch {
    // TypeScript or CommonJS that the lexer does not read: the pattern has found what there is.
  }
  return [...found].map(([name, certain]) => ({ name, certain }));
}

function add({ name, certain }: Specifier, from: string, files: Set<string>, packages: Set<string>): void {
  if (isBuiltin(name) || name.startsWith("data:")) return;
  const local = name.startsWith("file:")
    ? fileURLToPath(name)
    : /^\.{0,2}\//.test(name)
      ? resolve(dirname(from), name)
      : undefined;
  if (local !== undefined) {
    const file = fileAt(local.replace(/[?#].*$/, ""));
    if (file !== undefined) files.add(file);
    else if (certain) throw notKeyable(from, `its import "${name}" leads to no file`);
    return;
  }
  const found = findPackage(name, from);
  if (typeof found === "string") packages.add(found);
  else if (found !== undefined) files.add(found.file);
  else if (certain) throw notKeyable(from, `its import "${name}" leads to no package that is installed`);
}

function fileAt(path: string): string | undefined {
  // `./a.js` may stand for `./a.ts`, where types are stripped.
  const candidates = [...endings.map((ending) => path + ending), path.replace(/\.([cm]?)js$/, ".$1ts")];
  const found = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile());
  return found === undefined ? undefined : realpathSync(found);
}

/** An installed package by name and version, or the file that a linked one or an alias leads to. */
function findPackage(name: string, from: string): string | { readonly file: string } | undefined {
  const [, packageName] = /^(@[^/]+\/[^/]+|[^/@#][^/]*)/.exec(name) ?? [];
  for (let folder = dirname(from); packageName !== undefined; folder = dirname(folder)) {
    const manifest = join(folder, "node_modules", packageName, "package.json");
    if (existsSync(manifest)) {
      const real = realpathSync(manifest);
      if (!real.includes(`${sep}node_modules${sep}`)) break;
      const { version } = JSON.parse(readFileSync(real, "utf8")) as { version?: unknown };
      return `${packageName}@${String(version)}`;
    }
    if (folder === dirname(folder)) break;
  }
  try {
    return { file: realpathSync(createRequire(from).resolve(name)) };
  } catch {
    return undefined;
  }
}

function notKeyable(file: string, why: string): OrchestratorError {
  return new OrchestratorError("NOT_KEYABLE", `the code of ${file} cannot be known: ${why}`);
}
