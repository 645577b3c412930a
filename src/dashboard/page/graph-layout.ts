/** Places the nodes of a graph, by dagre (Gansner and others, "A technique for drawing directed graphs", 1993). */
import { Graph, layout } from "@dagrejs/dagre";
import type { GroupedGraph } from "./graph-groups.ts";

export const nodeWidth = 184;
export const nodeHeight = 50;

export interface PlacedNode {
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  /** An SVG path. */
  readonly path: string;
}

export interface PlacedGraph {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export function placeGraph({ nodes, edges }: GroupedGraph): PlacedGraph {
  if (nodes.length === 0) return { nodes: [], edges: [], width: 0, height: 0 };
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 44, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { key } of nodes) graph.setNode(key, { width: nodeWidth, height: nodeHeight });
  for (const { from, to } of edges) graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    nodes: nodes.map(({ key }) => {
      const { x, y } = graph.node(key) as Point;
      return { x: x - nodeWidth / 2, y: y - nodeHeight / 2 };
    }),
    edges: edges.map(({ from, to }) => {
      const { points } = graph.edge(from, to) as { points: readonly Point[] };
      return { from, to, path: smooth(points) };
    }),
    width,
    height,
  };
}

/** A curve through the points: quadratic pieces between the middles of the legs. */
function smooth(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  let path = `M${round(first)}`;
  for (let place = 0; place < rest.length - 1; place++) {
    const point = rest[place]!;
    const next = rest[place + 1]!;
    const middle = place === rest.length - 2 ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    path += `Q${round(point)} ${round(middle)}`;
  }
  return rest.length === 1 ? `${path}L${round(rest[0]!)}` : path;
}

function round({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
