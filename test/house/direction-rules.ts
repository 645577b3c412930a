/**
 * Which folder of `src` may import which. Arrows point one way:
 *
 *     model <- core <- port <- host <- {executor, runner, sandbox, optimize, journal, monitor} <- pipeline <- {dashboard, mcp} <- cli
 *
 * Siblings do not import each other, with the exceptions that are listed.
 */
import type { ImportEdge } from "./import-graph.js";

const base = ["model", "core", "port"] as const;
const parts = ["executor", "runner", "sandbox", "optimize", "journal", "monitor"] as const;

/** What each folder may import besides itself. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  model: [],
  core: ["model"],
  port: ["model", "core"],
  host: base,
  executor: base,
  runner: [...base, "host"],
  sandbox: [...base, "host"],
  optimize: [...base, "host"],
  journal: [...base, "host"],
  monitor: base,
  testing: [...base, "executor"],
  pipeline: [...base, "host", ...parts],
  dashboard: [...base, "host", ...parts, "pipeline"],
  mcp: [...base, "host", ...parts, "pipeline"],
  cli: [...base, "host", ...parts, "testing", "pipeline", "dashboard", "mcp"],
};

/** Folders that must run anywhere: no Node, no packages. */
export const pureFolders: readonly string[] = ["model", "core"];

/** Single files that may import more than their folder. */
export const exceptions: readonly { readonly file: RegExp; readonly to: readonly string[]; readonly why: string }[] = [
  {
    file: /^executor\/compose\.ts$/,
    to: ["host", "runner", "sandbox", "optimize", "journal", "monitor"],
    why: "the one place where concrete parts meet",
  },
  { file: /^runner\/sandbox(\.ts|\/)/, to: ["sandbox"], why: "carries out code tasks in sandboxes" },
];

/** Files that a worker starts with: they load in every thread and process, so they must stay small. */
const workerEntry = /^runner\/[a-z-]+\/entry\.ts$/;
/** What may load in a worker: what workers share, their protocols, and the model. Types vanish in the build and so are free. */
const loadsInWorkers = /^(runner\/worker|model)\/|^runner\/[a-z-]+\/([a-z-]+-)?(protocol|frames)\.ts$|^node:/;

export interface Violation {
  readonly rule: "direction" | "pure" | "worker" | "unknown-folder";
  readonly edge: ImportEdge;
  readonly message: string;
}

export function violationsOf(edges: readonly ImportEdge[]): Violation[] {
  return [...edges.flatMap((edge) => [...directionOf(edge), ...pureOf(edge)]), ...workersOf(edges)];
}

function directionOf(edge: ImportEdge): Violation[] {
  const from = folderOf(edge.from);
  const to = folderOf(edge.to);
  if (from === undefined) return [];
  if (mayImport[from] === undefined) {
    return [
      { rule: "unknown-folder", edge, message: `src/${from} has no rule yet: give it one in direction-rules.ts` },
    ];
  }
  if (!isFile(edge.to) || from === to) return [];
  // The files beside the folders are the public surface, which is for users.
  const allowed = to !== undefined && mayImport[from].includes(to);
  const excepted = exceptions.some(
    ({ file, to: also }) => file.test(edge.from) && to !== undefined && also.includes(to),
  );
  if (allowed || excepted) return [];
  return [
    { rule: "direction", edge, message: `${edge.from} imports ${edge.to}: ${from} may not import ${to ?? edge.to}` },
  ];
}

function pureOf(edge: ImportEdge): Violation[] {
  const from = folderOf(edge.from);
  if (from === undefined || !pureFolders.includes(from) || isFile(edge.to)) return [];
  return [{ rule: "pure", edge, message: `${edge.from} imports ${edge.to}: ${from} must run anywhere` }];
}

/** Follows what a worker loads, from its entry file on. */
function workersOf(edges: readonly ImportEdge[]): Violation[] {
  const loading = edges.filter(({ kind }) => kind === "static" || kind === "dynamic");
  const entries = [...new Set(loading.map(({ from }) => from).filter((file) => workerEntry.test(file)))];
  const reached = new Set(entries);
  // A set that grows while it is walked is walked to its end.
  for (const file of reached) {
    for (const { from, to } of loading) if (from === file && isFile(to)) reached.add(to);
  }
  return loading
    .filter(({ from, to }) => reached.has(from) && !loadsInWorkers.test(to))
    .map((edge) => {
      const message = `${edge.from} imports ${edge.to}, which would load in every worker: only runner/worker, protocols and model may`;
      return { rule: "worker", edge, message };
    });
}

function isFile(target: string): boolean {
  return /\.[cm]?tsx?$/.test(target);
}

/** `core` of `core/plan.ts`; nothing for a file that lies in no folder. */
function folderOf(file: string): string | undefined {
  return isFile(file) && file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined;
}
