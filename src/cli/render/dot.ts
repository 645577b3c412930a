/** Draws a graph in Graphviz's DOT language (https://graphviz.org/doc/info/lang.html). */
import type { GraphNode, GraphView } from "./graph-view.js";

export function drawForDot(view: GraphView): string {
  const lines = [
    `digraph ${quote(view.name)} {`,
    "  rankdir=TB;",
    '  node [shape=box, style=rounded, fontname="Helvetica"];',
  ];
  for (const node of view.nodes) lines.push(`  ${quote(node.id)} [${attributes(node)}];`);
  for (const node of view.nodes)
    for (const need of node.needs) {
      const style = need === node.handles ? ' [style=dashed, label="on failure"]' : "";
      lines.push(`  ${quote(need)} -> ${quote(node.id)}${style};`);
    }
  return `${lines.join("\n")}\n}\n`;
}

function attributes(node: GraphNode): string {
  const label = quote([node.id, node.work, ...node.notes].join("\n"));
  return node.handles === undefined ? `label=${label}` : `label=${label}, style="rounded,dashed"`;
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
