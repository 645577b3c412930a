/** What the drawings of a graph have in common: its tasks, what each does in a few words, and what each needs. */
import { type Pipeline, type PipelineTask, taskOnly, workKind } from "../../pipeline/pipeline.js";

export interface GraphNode {
  readonly id: string;
  readonly needs: readonly string[];
  /** Such as `thread ./tasks.js#clean`. */
  readonly work: string;
  /** Such as `for each item`, `when ...`. */
  readonly notes: readonly string[];
  /** Set for the handler of a task's failure. */
  readonly handles?: string;
}

export interface GraphView {
  readonly name: string;
  /** Every task after all that it needs. */
  readonly nodes: readonly GraphNode[];
}

export function viewOf(pipeline: Pipeline): GraphView {
  return { name: pipeline.name, nodes: inOrder(pipeline.tasks.map(nodeOf)) };
}

function nodeOf(task: PipelineTask): GraphNode {
  return {
    id: task.id,
    needs: task.needs,
    work: describeWork(task),
    notes: notesOf(task),
    ...(task.handles !== undefined && { handles: task.handles }),
  };
}

function describeWork({ definition }: PipelineTask): string {
  switch (workKind(definition)) {
    case "command": {
      const { command } = definition;
      return shorten(`$ ${Array.isArray(command) ? command.join(" ") : String(command)}`);
    }
    case "module":
      return `${definition.runner ?? "thread"} ${definition.module}`;
    case "code":
      return `sandbox ${definition.code!.language}${definition.code!.file === undefined ? "" : ` ${definition.code!.file}`}`;
  }
}

function notesOf({ definition, handles }: PipelineTask): string[] {
  const { forEach, concurrency, loop, when, trigger } = taskOnly(definition);
  const notes: string[] = [];
  if (handles !== undefined) notes.push(`when ${handles} fails`);
  if (forEach !== undefined) notes.push(`for each${concurrency === undefined ? "" : `, ${concurrency} at once`}`);
  if (loop !== undefined) notes.push(`loop, at most ${loop.maxIterations}`);
  if (when !== undefined)
    notes.push(
      shorten(
        `when ${String(when)
          .replace(/^\$\{\{|\}\}$/g, "")
          .trim()}`,
      ),
    );
  if (trigger !== undefined && trigger !== "all-succeeded") notes.push(trigger);
  const attempts = typeof definition.retry === "number" ? definition.retry + 1 : definition.retry?.attempts;
  if (attempts !== undefined && attempts > 1) notes.push(`${attempts} attempts`);
  return notes;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}\u2026` : line;
}

/** Kahn's order; of those that can come next, the first of the file. */
function inOrder(nodes: readonly GraphNode[]): GraphNode[] {
  const placed = new Set<string>();
  const ordered: GraphNode[] = [];
  let waiting = [...nodes];
  while (waiting.length > 0) {
    const next = waiting.find((node) => node.needs.every((id) => placed.has(id))) ?? waiting[0]!;
    placed.add(next.id);
    ordered.push(next);
    waiting = waiting.filter((node) => node !== next);
  }
  return ordered;
}
