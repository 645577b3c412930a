/**
 * The version of a task of a file: a text that differs where what the task gives may differ. The executor sees functions that
 * are the same for all tasks of a file; what they do is in the file, in the inputs and variables that the task's
 * expressions name, and in the files with its code. Retries, timeouts, priority and the like are left out: they change no
 * output. A module is known by its own file, not by what that imports.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { canonicalText } from "../model/canonical.js";
import { splitModule } from "./check-tasks.js";
import { templatesOf } from "./compile-tasks.js";
import type { Pipeline, PipelineTask } from "./pipeline.js";
import type { ScopeMaker } from "./scope.js";

const unimportant = new Set([
  "retry",
  "timeout",
  "totalTimeout",
  "priority",
  "resources",
  "expectedDuration",
  "allowFailure",
  "onFailure",
  "description",
  "concurrency",
]);

export function versionOfTask(task: PipelineTask, pipeline: Pipeline, { run }: ScopeMaker): string {
  const { definition } = task;
  const written = Object.entries(definition).filter(([key, value]) => !unimportant.has(key) && value !== undefined);
  const values: Record<string, unknown> = {};
  for (const { expression } of templatesOf(task.templates).flatMap((template) => template.expressions))
    for (const { name, path } of expression.references)
      if (name === "inputs" || name === "env") values[`${name}.${path.join(".")}`] = valueAt(run[name], path);
  const files = filesOf(definition).map((file) => digestOfFile(resolve(pipeline.directory, file)));
  const text = canonicalText([pipeline.directory, Object.fromEntries(written), values, files]);
  return createHash("sha256").update(text, "utf16le").digest("base64url").slice(0, 22);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string, unknown> | undefined | null)?.[step], value);
}

function filesOf({ code, module }: PipelineTask["definition"]): string[] {
  if (code?.file !== undefined) return [code.file];
  return module === undefined ? [] : [splitModule(module).file];
}

function digestOfFile(path: string): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("base64url");
  } catch {
    // That it cannot be read is told by the task.
    return "";
  }
}
