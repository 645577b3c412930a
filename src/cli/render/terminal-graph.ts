/**
 * Draws a graph with one line for each task. Every task that others need has a lane, a vertical line from its dot down
 * to the last task that needs it; a task's needs reach its dot from their lanes:
 *
 *     ●        read
 *     ├─●      profile
 *     ├─│─●    validate
 *     ●─╯─╯    report       needs read, profile, validate
 *
 * A line that only passes a lane leaves it unbroken (`│`); one that starts from it branches off (`├`, `┼`), and the
 * last one bends (`╯`, `┴`).
 */
import type { GraphNode, GraphView } from "./graph-view.js";
import type { Style } from "./style.js";

export function drawForTerminal(view: GraphView, style: Style): string {
  const rows = new LaneDrawing(view.nodes).rows();
  const laneWidth = Math.max(...rows.map(({ lanes }) => lanes.length));
  const idWidth = Math.min(40, Math.max(...view.nodes.map(({ id }) => id.length)));
  const lines = rows.map(({ lanes, node }) => {
    const notes = node.notes.length === 0 ? "" : `  ${style.warning(node.notes.join("; "))}`;
    const drawn = style.accent(lanes) + " ".repeat(laneWidth - lanes.length);
    return `${drawn}  ${style.bold(node.id.padEnd(idWidth))}  ${style.dim(node.work)}${notes}`.trimEnd();
  });
  return `${style.bold(view.name)}\n${lines.join("\n")}\n`;
}

interface Row {
  readonly lanes: string;
  readonly node: GraphNode;
}

interface Lane {
  readonly id: string;
  /** Tasks that still need it. */
  remaining: number;
}

class LaneDrawing {
  readonly #nodes: readonly GraphNode[];
  readonly #dependents = new Map<string, number>();
  readonly #lanes: (Lane | undefined)[] = [];

  constructor(nodes: readonly GraphNode[]) {
    this.#nodes = nodes;
    for (const { needs } of nodes)
      for (const id of needs) this.#dependents.set(id, (this.#dependents.get(id) ?? 0) + 1);
  }

  rows(): Row[] {
    return this.#nodes.map((node) => ({ node, lanes: this.#place(node) }));
  }

  /** Draws the line of one task, and moves the lanes on to the next line. */
  #place(node: GraphNode): string {
    const sources = this.#lanes.flatMap((lane, column) =>
      lane !== undefined && node.needs.includes(lane.id) ? [column] : [],
    );
    for (const column of sources) this.#lanes[column]!.remaining--;
    const ending = sources.filter((column) => this.#lanes[column]!.remaining === 0);
    const column = ending[0] ?? this.#freeColumn();
    const line = this.#draw(column, sources);
    for (const ended of ending) this.#lanes[ended] = undefined;
    const dependents = this.#dependents.get(node.id) ?? 0;
    if (dependents > 0) this.#lanes[column] = { id: node.id, remaining: dependents };
    return line;
  }

  #freeColumn(): number {
    const free = this.#lanes.indexOf(undefined);
    return free === -1 ? this.#lanes.length : free;
  }

  #draw(dot: number, sources: readonly number[]): string {
    const left = Math.min(dot, ...sources);
    const right = Math.max(dot, ...sources);
    let line = "";
    for (let column = 0; column <= Math.max(right, this.#lanes.length - 1); column++) {
      const within = column > left && column <= right;
      if (column > 0) line += within ? "─" : " ";
      line += column === dot ? "●" : this.#laneCharacter(column, sources, left, right, dot);
    }
    return line.trimEnd();
  }

  #laneCharacter(column: number, sources: readonly number[], left: number, right: number, dot: number): string {
    const lane = this.#lanes[column];
    if (!sources.includes(column)) {
      if (lane !== undefined) return "│";
      return column > left && column < right ? "─" : " ";
    }
    const goesOn = lane!.remaining > 0;
    if (column < dot) return column === left ? (goesOn ? "├" : "╰") : goesOn ? "┼" : "┴";
    return column === right ? (goesOn ? "┤" : "╯") : goesOn ? "┼" : "┴";
  }
}
