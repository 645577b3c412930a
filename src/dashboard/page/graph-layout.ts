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
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 56, marginx: 20, marginy: 20 });
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
      return { from, to, path: pathThrough(graph.node(from) as Point, graph.node(to) as Point, points) };
    }),
    width,
    height,
  };
}

/**
 * From the right side of one node to the left side of another. Between two columns of nodes it is a curve that begins and
 * ends level; past the nodes of a column it goes straight. Of the points that dagre gives, every second lies in a column.
 */
function pathThrough(from: Point, to: Point, points: readonly Point[]): string {
  const columns = points.filter((_point, place) => place > 0 && place < points.length - 1 && place % 2 === 0);
  let at = { x: from.x + nodeWidth / 2, y: from.y };
  let path = `M${round(at)}`;
  const curveTo = (end: Point): void => {
    const middle = (at.x + end.x) / 2;
    path += `C${round({ x: middle, y: at.y })} ${round({ x: middle, y: end.y })} ${round(end)}`;
    at = end;
  };
  for (const { x, y } of columns) {
    curveTo({ x: x - nodeWidth / 2, y });
    at = { x: x + nodeWidth / 2, y };
    path += `L${round(at)}`;
  }
  curveTo({ x: to.x - nodeWidth / 2, y: to.y });
  return path;
}

function round({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
