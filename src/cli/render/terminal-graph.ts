/** Draws a pipeline's graph for a terminal, each task with what it does and what is special about it. */
import type { GraphView } from "./graph-view.js";
import { drawLanes } from "./lanes.js";
import type { Style } from "./style.js";

export function drawForTerminal(view: GraphView, style: Style): string {
  const drawn = drawLanes(view.nodes);
  const laneWidth = Math.max(...drawn.map((lanes) => lanes.length));
  const idWidth = Math.min(40, Math.max(...view.nodes.map(({ id }) => id.length)));
  const lines = view.nodes.map((node, place) => {
    const lanes = drawn[place]!;
    const notes = node.notes.length === 0 ? "" : `  ${style.warning(node.notes.join("; "))}`;
    const padding = " ".repeat(laneWidth - lanes.length);
    return `${style.accent(lanes)}${padding}  ${style.bold(node.id.padEnd(idWidth))}  ${style.dim(node.work)}${notes}`.trimEnd();
  });
  return `${style.bold(view.name)}\n${lines.join("\n")}\n`;
}
