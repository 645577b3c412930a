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

/** Where a task's dot goes, and what else stands in its line. */
export const dot = "\u25cf";

export interface LaneNode {
  readonly id: string;
  readonly needs: readonly string[];
}

interface Lane {
  readonly id: string;
  /** Tasks that still need it. */
  remaining: number;
}

/** The lines of a graph without their words, in order. @param nodes each after all that it needs */
export function drawLanes(nodes: readonly LaneNode[]): string[] {
  const drawing = new LaneDrawing(nodes);
  return nodes.map((node) => drawing.place(node));
}

class LaneDrawing {
  readonly #dependents = new Map<string, number>();
  readonly #lanes: (Lane | undefined)[] = [];

  constructor(nodes: readonly LaneNode[]) {
    for (const { needs } of nodes)
      for (const id of needs) this.#dependents.set(id, (this.#dependents.get(id) ?? 0) + 1);
  }

  /** Draws the line of one task, and moves the lanes on to the next line. */
  place(node: LaneNode): string {
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

  #draw(place: number, sources: readonly number[]): string {
    const left = Math.min(place, ...sources);
    const right = Math.max(place, ...sources);
    let line = "";
    for (let column = 0; column <= Math.max(right, this.#lanes.length - 1); column++) {
      const within = column > left && column <= right;
      if (column > 0) line += within ? "─" : " ";
      line += column === place ? dot : this.#laneCharacter(column, sources, left, right, place);
    }
    return line.trimEnd();
  }

  #laneCharacter(column: number, sources: readonly number[], left: number, right: number, place: number): string {
    const lane = this.#lanes[column];
    if (!sources.includes(column)) {
      if (lane !== undefined) return "│";
      return column > left && column < right ? "─" : " ";
    }
    const goesOn = lane!.remaining > 0;
    if (column < place) return column === left ? (goesOn ? "├" : "╰") : goesOn ? "┼" : "┴";
    return column === right ? (goesOn ? "┤" : "╯") : goesOn ? "┼" : "┴";
  }
}
