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
  optimize: base,
  journal: base,
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

/** Entry files of workers: started by URL, they load in every worker and must stay small. */
export const workerEntry = /(^|\/)([a-z-]+-)?worker\.ts$/;
const workerMayImport = /(^|\/)([a-z-]+-)?(protocol|worker-[a-z-]+)\.ts$|^model\//;

export interface Violation {
  readonly rule: "direction" | "pure" | "worker" | "unknown-folder";
  readonly edge: ImportEdge;
  readonly message: string;
}

export function violationsOf(edges: readonly ImportEdge[]): Violation[] {
  return edges.flatMap((edge) => [...directionOf(edge), ...pureOf(edge), ...workerOf(edge)]);
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

function workerOf(edge: ImportEdge): Violation[] {
  if (!workerEntry.test(edge.from) || !isFile(edge.to) || workerMayImport.test(edge.to)) return [];
  return [
    { rule: "worker", edge, message: `${edge.from} imports ${edge.to}: a worker loads its protocol and model alone` },
  ];
}

function isFile(target: string): boolean {
  return /\.[cm]?tsx?$/.test(target);
}

/** `core` of `core/plan.ts`; nothing for a file that lies in no folder. */
function folderOf(file: string): string | undefined {
  return isFile(file) && file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined;
}
