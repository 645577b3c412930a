/** The graph: tasks one by one or in groups, painted by how they stand; drag to move, wheel or keys to zoom. */
import { useMemo, useRef, useState } from "preact/hooks";
import { stateCode, stateMarks, stateWords, type TaskStateName, taskStates } from "../protocol.ts";
import { count, shorten } from "./format.ts";
import {
  countStates,
  type GraphNode,
  type GroupedGraph,
  type Grouping,
  groupTasks,
  possibleGroupings,
  stateOfNode,
  suggestedGrouping,
} from "./graph-groups.ts";
import { nodeHeight, nodeWidth, type PlacedGraph, placeGraph } from "./graph-layout.ts";
import { codesOf, matcher } from "./navigation.ts";
import type { RunView } from "./run-view.ts";
import { openTask, openView, revision, search, showTask, stateFilter } from "./store.ts";
import { SearchBox } from "./task-table.tsx";
import { usePanZoom } from "./use-pan-zoom.ts";

/** A group of more tasks is not opened in the graph, but in the table. */
const mostOpened = 80;

export function GraphView({ shown }: { readonly shown: RunView }) {
  revision.value;
  const [chosen, setChosen] = useState<Grouping>();
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const possible = possibleGroupings(shown);
  const grouping = chosen !== undefined && possible.includes(chosen) ? chosen : suggestedGrouping(shown);
  const whole = shown.described >= shown.total && shown.described > 0;
  const grouped = useMemo(
    () => groupTasks(shown, grouping, opened),
    [shown, whole ? shown.structureVersion : -1, grouping, opened],
  );
  const placed = useMemo(() => placeGraph(grouped), [grouped]);
  const counts = useMemo(() => countStates(shown, grouped), [grouped, revision.value]);

  const open = (node: GraphNode): void => {
    if (!node.group) showTask(node.tasks[0]);
    else if (node.tasks.length <= mostOpened) setOpened(new Set([...opened, node.key]));
    else {
      search.value = grouping === "kinds" ? node.label : "";
      openView("tasks");
    }
  };

  return (
    <div class="graph-view">
      <div class="filters">
        <SearchBox />
        <label class="choice">
          Drawn by
          <select value={grouping} onChange={(event) => setChosen(event.currentTarget.value as Grouping)}>
            {possible.map((name) => (
              <option key={name} value={name}>
                {name === "tasks" ? "task" : name === "kinds" ? "kind of task" : "stage"}
              </option>
            ))}
          </select>
        </label>
        {opened.size > 0 && (
          <button type="button" class="button" onClick={() => setOpened(new Set())}>
            Close groups
          </button>
        )}
      </div>
      <Drawing shown={shown} grouped={grouped} placed={placed} counts={counts} open={open} />
    </div>
  );
}

interface DrawingProps {
  readonly shown: RunView;
  readonly grouped: GroupedGraph;
  readonly placed: PlacedGraph;
  readonly counts: readonly Int32Array[];
  readonly open: (node: GraphNode) => void;
}

function Drawing({ shown, grouped, placed, counts, open }: DrawingProps) {
  const box = useRef<HTMLDivElement>(null);
  const current = openTask.value === undefined ? -1 : (grouped.nodeOf[openTask.value] ?? -1);
  const at = placed.nodes[current];
  const focus = at === undefined ? undefined : { x: at.x + nodeWidth / 2, y: at.y + nodeHeight / 2 };
  const { transform, handlers, zoomBy, fitAll } = usePanZoom(box, placed, focus);
  const dimmed = useDimmed(shown, grouped);
  const currentKey = grouped.nodes[current]?.key;
  return (
    <div class="drawing" ref={box} {...handlers}>
      <svg role="group" aria-label={`Graph of ${count(shown.described)} tasks`} width="100%" height="100%">
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0,0.5 L7,4 L0,7.5 Z" class="arrow" />
          </marker>
        </defs>
        <g transform={transform}>
          <g aria-hidden="true">
            {placed.edges.map(({ from, to, path }) => (
              <path
                key={`${from} ${to}`}
                class={`edge ${from === currentKey || to === currentKey ? "lit" : ""}`}
                d={path}
                marker-end="url(#arrow)"
              />
            ))}
          </g>
          {grouped.nodes.map((node, place) => (
            <Node
              key={node.key}
              node={node}
              counts={counts[place]!}
              x={placed.nodes[place]!.x}
              y={placed.nodes[place]!.y}
              dimmed={dimmed?.has(place) === false}
              current={place === current}
              open={open}
            />
          ))}
        </g>
      </svg>
      <div class="zoom" role="group" aria-label="Zoom">
        <button type="button" class="button icon" aria-label="Zoom in" onClick={() => zoomBy(1.3)}>
          +
        </button>
        <button type="button" class="button icon" aria-label="Zoom out" onClick={() => zoomBy(1 / 1.3)}>
          {"\u2212"}
        </button>
        <button type="button" class="button icon" aria-label="Fit to the window" onClick={fitAll}>
          {"\u2922"}
        </button>
      </div>
      <Described grouped={grouped} counts={counts} />
    </div>
  );
}

/** Nodes that have a task which is searched for; `undefined` where nothing is. */
function useDimmed(shown: RunView, grouped: GroupedGraph): ReadonlySet<number> | undefined {
  return useMemo(() => {
    const matches = matcher(shown, search.value);
    const codes = codesOf(stateFilter.value);
    if (matches === undefined && codes === undefined) return undefined;
    const found = new Set<number>();
    for (let task = 0; task < grouped.nodeOf.length; task++) {
      const place = grouped.nodeOf[task]!;
      if (found.has(place) || (codes !== undefined && !codes.has(shown.state[task]!))) continue;
      if (matches === undefined || matches(task)) found.add(place);
    }
    return found;
  }, [grouped, search.value, stateFilter.value, revision.value]);
}

/** Characters that fit into a node, in the widest of the fonts that it may be drawn in. */
const mostName = 19;
const mostWords = 25;

interface NodeProps {
  readonly node: GraphNode;
  readonly counts: Int32Array;
  readonly x: number;
  readonly y: number;
  readonly dimmed: boolean;
  readonly current: boolean;
  readonly open: (node: GraphNode) => void;
}

const barOrder: readonly TaskStateName[] = [
  "failed",
  "timed-out",
  "cancelled",
  "retrying",
  "running",
  "suspended",
  "succeeded",
  "skipped",
  "ready",
];

function Node({ node, counts, x, y, dimmed, current, open }: NodeProps) {
  const state = stateOfNode(counts);
  const words = wordsOf(node, counts);
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(node);
  };
  return (
    <g
      class={`node ${state} ${dimmed ? "dimmed" : ""} ${current ? "current" : ""} ${node.group ? "group" : ""}`}
      transform={`translate(${x},${y})`}
      role="button"
      tabIndex={0}
      aria-label={`${node.label}: ${words}`}
      onClick={() => open(node)}
      onKeyDown={press}
    >
      <title>{`${node.label}\n${words}`}</title>
      {node.group && <rect class="behind" x={4} y={4} width={nodeWidth} height={nodeHeight} rx={8} />}
      <rect class="box" width={nodeWidth} height={nodeHeight} rx={8} />
      <rect class="side" width={5} height={nodeHeight - 16} x={7} y={8} rx={2.5} />
      <text class="name" x={20} y={21}>
        {shorten(node.label, mostName)}
      </text>
      <text class="sub" x={20} y={38}>
        {shorten(words, mostWords)}
      </text>
      {node.group && <Bar counts={counts} total={node.tasks.length} />}
    </g>
  );
}

function Bar({ counts, total }: { readonly counts: Int32Array; readonly total: number }) {
  const width = nodeWidth - 28;
  let from = 0;
  return (
    <g transform={`translate(20,${nodeHeight - 7})`}>
      <rect class="track" width={width} height={3} rx={1.5} />
      {barOrder.map((name) => {
        const part = (counts[stateCode[name]]! / total) * width;
        const x = from;
        from += part;
        return part > 0 ? <rect key={name} class={`fill ${name}`} x={x} width={part} height={3} /> : null;
      })}
    </g>
  );
}

/** `2 failed, 3 running, 15 of 20 done`. */
function wordsOf(node: GraphNode, counts: Int32Array): string {
  if (!node.group) {
    const state = taskStates[counts.findIndex((each) => each > 0)] ?? "waiting";
    return `${stateMarks[state]} ${stateWords[state]}`;
  }
  const parts = (["failed", "timed-out", "retrying", "running", "cancelled", "skipped"] as const)
    .filter((name) => counts[stateCode[name]]! > 0)
    .map((name) => `${count(counts[stateCode[name]]!)} ${stateWords[name]}`);
  parts.push(`${count(counts[stateCode.succeeded]!)} of ${count(node.tasks.length)} done`);
  return parts.join(", ");
}

/** The same as a table, for who cannot see the drawing. */
function Described({ grouped, counts }: { readonly grouped: GroupedGraph; readonly counts: readonly Int32Array[] }) {
  const before = useMemo(() => {
    const labels = new Map(grouped.nodes.map(({ key, label }) => [key, label]));
    const needs = new Map<string, string[]>();
    for (const { from, to } of grouped.edges) needs.set(to, [...(needs.get(to) ?? []), labels.get(from)!]);
    return needs;
  }, [grouped]);
  return (
    <table class="hidden">
      <caption>The graph as a table</caption>
      <thead>
        <tr>
          <th scope="col">Task or group</th>
          <th scope="col">State</th>
          <th scope="col">Depends on</th>
        </tr>
      </thead>
      <tbody>
        {grouped.nodes.map((node, place) => (
          <tr key={node.key}>
            <th scope="row">{node.label}</th>
            <td>{wordsOf(node, counts[place]!)}</td>
            <td>{(before.get(node.key) ?? []).join(", ")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
