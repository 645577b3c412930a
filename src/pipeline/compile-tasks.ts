/** Compiles the tasks of a definition: their expressions, and what they need. Every problem is reported, none is thrown. */
import type { DocumentPath } from "./document.js";
import type { ScopeName } from "./expression.js";
import { type PipelineTask, type TaskTemplates, taskOnly } from "./pipeline.js";
import type { HandlerDefinition, PipelineDefinition, TaskDefinition } from "./schema.js";
import { compileCondition, compileTemplate, type ReportExpression, type Template } from "./template.js";

type Definition = TaskDefinition | HandlerDefinition;

/** Names for everything that is asked before a task runs. */
export const baseNames: readonly ScopeName[] = ["inputs", "env", "tasks"];

export function handlerId(taskId: string): string {
  return `${taskId}:on-failure`;
}

/** All tasks in the order of the file; a failure handler follows its task. */
export function compileTasks(definition: PipelineDefinition, report: ReportExpression): PipelineTask[] {
  return Object.entries(definition.tasks).flatMap(([id, task]) => {
    const path = ["tasks", id];
    const compiled: PipelineTask = {
      ...compileOne(id, task, path, report),
      allowFailure: task.allowFailure ?? false,
    };
    if (task.onFailure === undefined) return [compiled];
    return [compiled, compileHandler(id, task.onFailure, [...path, "onFailure"], report)];
  });
}

function compileHandler(
  id: string,
  handler: HandlerDefinition,
  path: DocumentPath,
  report: ReportExpression,
): PipelineTask {
  const compiled = compileOne(handlerId(id), handler, path, report);
  return { ...compiled, needs: [...new Set([id, ...compiled.needs])], handles: id, allowFailure: true };
}

function compileOne(
  id: string,
  definition: Definition,
  path: DocumentPath,
  report: ReportExpression,
): Omit<PipelineTask, "allowFailure"> {
  const templates = compileTemplates(definition, path, report);
  const listed = taskOnly(definition).needs ?? [];
  const needs = new Set(typeof listed === "string" ? [listed] : listed);
  for (const template of templatesOf(templates))
    for (const { expression } of template.expressions)
      for (const { name, path: steps } of expression.references)
        if (name === "tasks" && steps[0] !== undefined) needs.add(steps[0]);
  return { id, path, definition, needs: [...needs], templates };
}

/** Every template of a task, in one list. */
export function templatesOf(templates: TaskTemplates): Template[] {
  return Object.values(templates).flat() as Template[];
}

function compileTemplates(definition: Definition, path: DocumentPath, report: ReportExpression): TaskTemplates {
  const task = taskOnly(definition);
  const workNames = namesOfWork(task);
  const value = (key: string, names: readonly ScopeName[], content: unknown) =>
    content === undefined ? undefined : compileTemplate(content, [...path, key], names, report);
  const condition = (steps: readonly string[], names: readonly ScopeName[], content: unknown) =>
    typeof content === "string" ? compileCondition(content, [...path, ...steps], names, report) : undefined;
  const retryIf = typeof definition.retry === "object" ? definition.retry.if : undefined;
  const templates: { readonly [Key in keyof TaskTemplates]: TaskTemplates[Key] | undefined } = {
    command: compileCommand(definition, path, workNames, report),
    cwd: value("cwd", workNames, definition.cwd),
    env: value("env", workNames, definition.env),
    stdin: value("stdin", workNames, definition.stdin),
    with: value("with", workNames, definition.with),
    when: condition(["when"], baseNames, task.when) ?? value("when", baseNames, task.when),
    forEach: condition(["forEach"], baseNames, task.forEach) ?? value("forEach", baseNames, task.forEach),
    until: condition(["loop", "until"], [...baseNames, "output", "index"], task.loop?.until),
    outputs: value("outputs", ["inputs", "env", "output"], task.outputs),
    retryIf: condition(["retry", "if"], ["inputs", "env", "error", "attempt"], retryIf),
  };
  return Object.fromEntries(
    Object.entries(templates).filter(([, template]) => template !== undefined),
  ) as TaskTemplates;
}

function namesOfWork(task: Partial<TaskDefinition>): readonly ScopeName[] {
  if (task.forEach !== undefined) return [...baseNames, "item", "index"];
  return task.loop === undefined ? baseNames : [...baseNames, "index", "previous"];
}

/** A line for the shell is left as it is: `check-tasks.ts` refuses expressions in it. */
function compileCommand(
  definition: Definition,
  path: DocumentPath,
  names: readonly ScopeName[],
  report: ReportExpression,
): Template[] | undefined {
  const { command } = definition;
  if (!Array.isArray(command)) return undefined;
  return command.map((part, index) => compileTemplate(part, [...path, "command", index], names, report));
}
