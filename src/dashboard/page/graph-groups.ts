/**
 * What the graph view draws. A few dozen tasks are drawn one by one; more are drawn in groups, by kind or, where there
 * are too many kinds, by stage (how many tasks lie before, at most). A group that is opened is drawn as its tasks.
 */
import { stateCode, taskStates } from "../protocol.ts";
import type { RunView } from "./run-view.ts";

export type Grouping = "tasks" | "kinds" | "stages";

export interface GraphNode {
  readonly key: string;
  readonly label: string;
  /** The tasks in it; one for a task that is drawn by itself. */
  readonly tasks: readonly number[];
  readonly group: boolean;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
}

export interface GroupedGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly nodeOf: Int32Array;
}

/** Nodes that a layout can take, and a reader. */
export const mostNodes = 300;
const mostSingles = 60;

export function suggestedGrouping(shown: RunView): Grouping {
  if (shown.described <= mostSingles) return "tasks";
  return shown.kindNames.length <= 150 ? "kinds" : "stages";
}

export function possibleGroupings(shown: RunView): Grouping[] {
  const possible: Grouping[] = [];
  if (shown.described <= mostNodes) possible.push("tasks");
  if (shown.kindNames.length <= mostNodes) possible.push("kinds");
  possible.push("stages");
  return possible;
}

export function groupTasks(shown: RunView, grouping: Grouping, opened: ReadonlySet<string>): GroupedGraph {
  const groups = new Map<string, { label: string; tasks: number[] }>();
  const keyOf = keysBy(shown, grouping);
  const keys: string[] = [];
  for (let task = 0; task < shown.described; task++) {
    const { key: group, label } = keyOf(task);
    const single = grouping === "tasks" || opened.has(group);
    const key = single ? `task ${task}` : group;
    keys.push(key);
    const known = groups.get(key);
    if (known !== undefined) known.tasks.push(task);
    else groups.set(key, { label: single ? shown.taskId(task) : label, tasks: [task] });
  }
  const nodes = [...groups].map(([key, { label, tasks }]) => ({
    key,
    label: tasks.length === 1 && !key.startsWith("stage") ? shown.taskId(tasks[0]!) : label,
    tasks,
    group: tasks.length > 1,
  }));
  const places = new Map(nodes.map(({ key }, place) => [key, place]));
  const nodeOf = Int32Array.from(keys, (key) => places.get(key)!);
  return { nodes, edges: edgesBetween(shown, nodes, nodeOf), nodeOf };
}

function edgesBetween(shown: RunView, nodes: readonly GraphNode[], nodeOf: Int32Array): GraphEdge[] {
  const seen = new Set<number>();
  const edges: GraphEdge[] = [];
  const add = (from: number, to: number): void => {
    if (from === to || seen.has(from * nodes.length + to)) return;
    seen.add(from * nodes.length + to);
    edges.push({ from: nodes[from]!.key, to: nodes[to]!.key });
  };
  for (let task = 0; task < shown.described; task++) {
    for (const dependency of shown.dependenciesOf(task)) add(nodeOf[dependency]!, nodeOf[task]!);
    const parent = shown.parents[task]!;
    if (parent >= 0) add(nodeOf[parent]!, nodeOf[task]!);
  }
  return edges;
}

type KeyOf = (task: number) => { readonly key: string; readonly label: string };

function keysBy(shown: RunView, grouping: Grouping): KeyOf {
  if (grouping === "kinds" || grouping === "tasks") {
    return (task) => ({ key: `kind ${shown.kinds[task]}`, label: shown.kindName(task) });
  }
  const stages = stagesOf(shown);
  const most = stages.reduce((highest, stage) => Math.max(highest, stage), 0) + 1;
  // More stages than can be drawn are taken together, a few in a row.
  const each = Math.ceil(most / mostNodes);
  return (task) => {
    const stage = Math.floor(stages[task]! / each);
    const label = each === 1 ? `stage ${stage + 1}` : `stages ${stage * each + 1} to ${(stage + 1) * each}`;
    return { key: `stage ${stage}`, label };
  };
}

/** For each task, the length of the longest path to it. */
function stagesOf(shown: RunView): Int32Array {
  const stages = new Int32Array(shown.described).fill(-1);
  const stack: number[] = [];
  for (let root = 0; root < shown.described; root++) {
    stack.push(root);
    while (stack.length > 0) {
      const task = stack[stack.length - 1]!;
      let stage = 0;
      let pending = false;
      const parent = shown.parents[task]!;
      for (const before of [...shown.dependenciesOf(task), ...(parent >= 0 ? [parent] : [])]) {
        if (stages[before]! < 0) {
          stack.push(before);
          pending = true;
        } else stage = Math.max(stage, stages[before]! + 1);
      }
      if (pending) continue;
      stages[task] = stage;
      stack.pop();
    }
  }
  return stages;
}

/** How many of a node's tasks are in each state, by code. */
export function countStates(shown: RunView, { nodes, nodeOf }: GroupedGraph): Int32Array[] {
  const counts = nodes.map(() => new Int32Array(taskStates.length));
  for (let task = 0; task < nodeOf.length; task++) {
    const column = counts[nodeOf[task]!]!;
    column[shown.state[task]!] = column[shown.state[task]!]! + 1;
  }
  return counts;
}

/** The state that a node is painted in: trouble first, then what moves, then what is done. */
export function stateOfNode(counts: Int32Array): (typeof taskStates)[number] {
  const total = counts.reduce((sum, each) => sum + each, 0);
  for (const name of ["failed", "timed-out", "retrying", "running", "suspended"] as const)
    if (counts[stateCode[name]]! > 0) return name;
  if (counts[stateCode.succeeded] === total) return "succeeded";
  for (const name of ["ready", "waiting", "cancelled", "skipped"] as const)
    if (counts[stateCode[name]]! > 0) return name;
  return "waiting";
}
