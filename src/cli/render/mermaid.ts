/** Draws a graph in Mermaid's flowchart language (https://mermaid.js.org/syntax/flowchart.html). */
import type { GraphNode, GraphView } from "./graph-view.js";

export function drawForMermaid(view: GraphView): string {
  const names = new Map(view.nodes.map((node, index) => [node.id, `n${index}`]));
  const lines = ["---", `title: ${JSON.stringify(view.name)}`, "---", "flowchart TD"];
  for (const node of view.nodes) lines.push(`  ${names.get(node.id)}${shape(node)}`);
  for (const node of view.nodes)
    for (const need of node.needs) {
      const arrow = need === node.handles ? "-. on failure .->" : "-->";
      lines.push(`  ${names.get(need)} ${arrow} ${names.get(node.id)}`);
    }
  return `${lines.join("\n")}\n`;
}

function shape(node: GraphNode): string {
  const label = [
    `<b>${escapeLabel(node.id)}</b>`,
    escapeLabel(node.work),
    ...node.notes.map((note) => `<i>${escapeLabel(note)}</i>`),
  ].join("<br>");
  if (node.handles !== undefined) return `[/"${label}"/]`;
  return node.notes.some((note) => note.startsWith("for each") || note.startsWith("loop"))
    ? `[["${label}"]]`
    : `["${label}"]`;
}

function escapeLabel(text: string): string {
  return text.replace(/[&<>"#`]/g, (character) => `#${character.charCodeAt(0)};`);
}
