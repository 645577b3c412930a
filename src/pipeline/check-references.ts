/** Checks what tasks and expressions name: tasks, inputs, variables and outputs that are not there, and cycles. */
import { nearestName } from "../model/check.js";
import type { Report } from "./check-tasks.js";
import { templatesOf } from "./compile-tasks.js";
import type { SourceDocument } from "./document.js";
import type { Reference } from "./expression.js";
import { type PipelineTask, taskOnly } from "./pipeline.js";
import type { PipelineProblem } from "./problem.js";
import type { PipelineDefinition } from "./schema.js";
import type { Template } from "./template.js";

const taskFields = ["output", "outputs", "status", "error", "attempts"];

/** Reports every name that is unknown, in `needs` and in expressions. */
export class ReferenceChecker {
  readonly #definition: PipelineDefinition;
  readonly #document: SourceDocument;
  readonly #problems: PipelineProblem[];

  constructor(definition: PipelineDefinition, document: SourceDocument, problems: PipelineProblem[]) {
    this.#definition = definition;
    this.#document = document;
    this.#problems = problems;
  }

  task(task: PipelineTask): void {
    const { needs } = taskOnly(task.definition);
    const listed = typeof needs === "string" ? [needs] : (needs ?? []);
    for (const [index, id] of listed.entries()) {
      const path = [...task.path, "needs", ...(typeof needs === "string" ? [] : [index])];
      if (id === task.id) this.#problems.push(this.#document.problem(path, "a task cannot need itself"));
      else if (!this.#hasTask(id)) this.#problems.push(this.#document.problem(path, this.#unknownTask(id)));
    }
    for (const template of templatesOf(task.templates)) this.template(template, task.id);
  }

  /** Checks a template's expressions; `taskId` is the task that it belongs to, if any. */
  template(template: Template, taskId?: string): void {
    for (const { expression, path, offset } of template.expressions) {
      for (const reference of expression.references) {
        const message = this.#messageFor(reference, taskId);
        if (message === undefined) continue;
        const length = reference.end - reference.start;
        this.#problems.push(this.#document.problemInString(path, offset + reference.start, length, message));
      }
    }
  }

  #messageFor({ name, path }: Reference, taskId: string | undefined): string | undefined {
    switch (name) {
      case "tasks":
        return this.#taskMessage(path, taskId);
      case "inputs":
        return unknownMember("input", path[0], Object.keys(this.#definition.inputs ?? {}));
      case "env":
        if (path[0] === undefined || this.#definition.env?.includes(path[0])) return undefined;
        return `${path[0]} is not in the "env" list of this file, so it is not visible`;
      default:
        return undefined;
    }
  }

  #taskMessage(path: readonly string[], taskId: string | undefined): string | undefined {
    const [id, field, output] = path;
    if (id === undefined) return 'name the task: tasks.<id> or tasks["<id>"], so that its place in the order is known';
    if (id === taskId) return "a task cannot use its own output";
    if (!this.#hasTask(id)) return this.#unknownTask(id);
    if (field === undefined) return undefined;
    if (!taskFields.includes(field)) {
      const place = /-/.test(id) ? `tasks["${id}"]` : `tasks.${id}`;
      return `a task has ${taskFields.join(", ")}; the fields of its output are at ${place}.output.${field}`;
    }
    if (field !== "outputs" || output === undefined) return undefined;
    return unknownMember(`output of ${id}`, output, Object.keys(this.#definition.tasks[id]?.outputs ?? {}));
  }

  #hasTask(id: string): boolean {
    return Object.hasOwn(this.#definition.tasks, id);
  }

  #unknownTask(id: string): string {
    const ids = Object.keys(this.#definition.tasks);
    const hyphenated = ids.find((known) => known.startsWith(`${id}-`));
    const nearest = nearestName(id, ids);
    if (nearest !== undefined) return `unknown task "${id}"; did you mean "${nearest}"?`;
    if (hyphenated !== undefined) return `unknown task "${id}"; an id with a hyphen is written tasks["${hyphenated}"]`;
    return `unknown task "${id}"`;
  }
}

function unknownMember(kind: string, name: string | undefined, known: readonly string[]): string | undefined {
  if (name === undefined || known.includes(name)) return undefined;
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `unknown ${kind} "${name}"; did you mean "${nearest}"?`;
  return `unknown ${kind} "${name}"; ${known.length === 0 ? "none is declared" : `declared: ${known.join(", ")}`}`;
}

/** Reports each cycle once, with its whole path, at the first task of the file that is in it. */
export function checkCycles(tasks: readonly PipelineTask[], report: Report): void {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const state = new Map<string, "open" | "done">();
  for (const task of tasks) {
    if (state.has(task.id)) continue;
    const trail: { task: PipelineTask; next: number }[] = [{ task, next: 0 }];
    state.set(task.id, "open");
    while (trail.length > 0) {
      const top = trail.at(-1)!;
      const need = byId.get(top.task.needs[top.next++] ?? "");
      if (need !== undefined && need.id !== top.task.id) enter(need);
      else if (top.next > top.task.needs.length) {
        state.set(top.task.id, "done");
        trail.pop();
      }
    }

    function enter(need: PipelineTask): void {
      if (state.get(need.id) === "done") return;
      if (state.get(need.id) === undefined) {
        state.set(need.id, "open");
        trail.push({ task: need, next: 0 });
        return;
      }
      const members = trail.slice(trail.findIndex((step) => step.task === need)).map((step) => step.task.id);
      // The trail goes from a task to what it needs; people read the direction in which work flows.
      const flow = [need.id, ...members.slice(1).reverse(), need.id];
      report(need.path, `a cycle: ${flow.join(" -> ")}`, "key");
    }
  }
}
