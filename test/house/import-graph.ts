/**
 * Who imports whom, read from the sources by a parser, so that `import type`, `import("./x.js").T`, dynamic imports and
 * a worker's `new URL("./worker.js", import.meta.url)` all count.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

export interface ImportEdge {
  /** The importing file, as in `core/plan.ts`. */
  readonly from: string;
  /** The imported file (`model/task.ts`), `node:fs`, or the name of a package. */
  readonly to: string;
  readonly kind: "static" | "dynamic" | "type" | "url";
}

/** All edges between the files under a folder, and from them to packages and Node. */
export function readImportGraph(folder: string): ImportEdge[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.[cm]?tsx?$/.test(file) && !file.endsWith(".d.ts"))
    .sort()
    .flatMap((file) => importsOf(file, readFileSync(`${folder}/${file}`, "utf8")));
}

/** The edges that leave one file. */
export function importsOf(file: string, source: string): ImportEdge[] {
  const { program, module, errors } = parseSync(file, source);
  if (errors.length > 0) throw new SyntaxError(`${file}: ${errors[0]!.message}`);
  const edges: ImportEdge[] = [];
  const add = (specifier: string, kind: ImportEdge["kind"]) =>
    edges.push({ from: file, to: resolve(file, specifier), kind });

  for (const { moduleRequest, entries } of module.staticImports) {
    add(moduleRequest.value, entries.length > 0 && entries.every((entry) => entry.isType) ? "type" : "static");
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest) add(moduleRequest.value, isType ? "type" : "static");
    }
  }
  new Visitor({
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") add(node.source.value, "dynamic");
    },
    TSImportType(node) {
      add(node.source.value, "type");
    },
    NewExpression(node) {
      const [first, second] = node.arguments;
      if (node.callee.type !== "Identifier" || node.callee.name !== "URL") return;
      if (first?.type !== "Literal" || typeof first.value !== "string") return;
      if (second?.type !== "MemberExpression" || second.object.type !== "MetaProperty") return;
      if (/\.[cm]?js$/.test(first.value)) add(first.value, "url");
    },
  }).visit(program);
  return edges;
}

function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier.startsWith("node:") ? specifier : packageOf(specifier);
  const path = posix.normalize(posix.join(posix.dirname(from), specifier));
  return path
    .replace(/\.js$/, ".ts")
    .replace(/\.mjs$/, ".mts")
    .replace(/\.cjs$/, ".cts");
}

function packageOf(specifier: string): string {
  const [first, second] = specifier.split("/");
  return first!.startsWith("@") ? `${first}/${second}` : first!;
}

/** Circles of files that import one another when they run; each is given once, starting at its first file by name. */
export function runTimeCycles(edges: readonly ImportEdge[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to, kind } of edges) if (kind === "static") next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of [...next.keys()].sort()) visit(file, []);
  return cycles;
}
