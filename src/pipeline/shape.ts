/**
 * Checks the shape of a pipeline file against the schema, and says what is wrong in words that help: which key was most
 * likely meant, what a value takes, and, where several forms are taken, only what concerns the form that was written.
 */
import type * as z from "zod";
import { nearestName } from "../model/check.js";
import type { DocumentPath, SourceDocument } from "./document.js";
import type { PipelineProblem } from "./problem.js";
import { type PipelineDefinition, pipelineSchema } from "./schema.js";
import { namePattern } from "./schema-values.js";
import { soundPart } from "./sound-part.js";

type Issue = z.core.$ZodIssue;

export interface CheckedShape {
  /** The definition, without what is wrong with it; `undefined` where too much is. */
  readonly definition: PipelineDefinition | undefined;
  readonly problems: readonly PipelineProblem[];
  /** What is wrong and not in the definition. */
  readonly removed: readonly DocumentPath[];
}

export function checkShape(document: SourceDocument): CheckedShape {
  const checked = pipelineSchema.safeParse(document.value, { reportInput: true });
  if (checked.success) return { definition: checked.data, problems: [], removed: [] };
  const wrong = checked.error.issues.flatMap((issue) => wrongOf(issue, []));
  const removed = wrong.map(({ path }) => path);
  const sound = pipelineSchema.safeParse(soundPart(document.value, removed));
  const problems = wrong.map(({ path, message, part }) => document.problem(path, message, part));
  return { definition: sound.data, problems, removed };
}

interface Wrong {
  readonly path: DocumentPath;
  readonly message: string;
  readonly part: "key" | "value";
}

function wrongOf(issue: Issue, above: DocumentPath): Wrong[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = knownKeys(path);
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known, path), part: "key" }));
    }
    case "invalid_key": {
      const message = `"${path.at(-1)}" is no name: it takes letters, digits, _ and -, a letter first`;
      return [{ path, message, part: "key" }];
    }
    case "invalid_union":
      return wrongOfUnion(issue, path);
    default:
      return [{ path, message: messageOf(issue, path), part: isMissing(issue) ? "key" : "value" }];
  }
}

/** Of a union's branches, only the one whose kind was written is told; otherwise all kinds that are taken. */
function wrongOfUnion(issue: Issue & { code: "invalid_union" }, path: DocumentPath): Wrong[] {
  const branches = issue.errors.filter(
    (branch) =>
      !branch.some(
        (inner) => inner.path.length === 0 && (inner.code === "invalid_type" || inner.code === "invalid_union"),
      ),
  );
  if (branches.length === 1) return branches[0]!.flatMap((inner) => wrongOf(inner, path));
  return [{ path, message: `takes ${formsOf(path)}, got ${describe(issue.input)}`, part: "value" }];
}

function isMissing(issue: Issue): boolean {
  return issue.code === "invalid_type" && issue.input === undefined;
}

function messageOf(issue: Issue, path: DocumentPath): string {
  const key = String(path.at(-1) ?? "the file");
  switch (issue.code) {
    case "invalid_type":
      if (isMissing(issue)) return `"${key}" is missing`;
      return `takes ${article(issue.expected)}, got ${describe(issue.input)}`;
    case "too_small":
      if (issue.origin === "string" || issue.origin === "array") return "is empty";
      return `takes a number from ${issue.minimum}, got ${describe(issue.input)}`;
    case "too_big":
      if (issue.origin === "string") return `has at most ${issue.maximum} characters`;
      return `takes a number up to ${issue.maximum}, got ${describe(issue.input)}`;
    case "invalid_value":
      return oneOf(issue.values.map(String), issue.input);
    case "invalid_format":
      return formatMessage(path, issue.input);
    default:
      return issue.message;
  }
}

function formatMessage(path: DocumentPath, input: unknown): string {
  const form = formsOf(path);
  return form === otherForm
    ? `${describe(input)} is not of the form that is taken`
    : `takes ${form}, got ${describe(input)}`;
}

function oneOf(values: readonly string[], input: unknown): string {
  const nearest = typeof input === "string" ? nearestName(input, values) : undefined;
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return `takes one of ${values.join(", ")}, got ${describe(input)}${hint}`;
}

const otherForm = "another form";
const durationForm = 'seconds as a number, or a string such as "250ms", "30s", "5m", "1h"';
const sizeForm = 'bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)';

/** What a key takes, in words, for the places that take more than one form. */
function formsOf(path: DocumentPath): string {
  switch (path.findLast((step) => typeof step === "string")) {
    case "timeout":
    case "totalTimeout":
    case "delay":
    case "maxDelay":
    case "expectedDuration":
    case "timeLimit":
      return durationForm;
    case "memory":
    case "maxMemory":
    case "memoryLimit":
    case "fileSizeLimit":
    case "diskLimit":
    case "outputLimit":
    case "valueLimit":
    case "artifactLimit":
    case "maxOutput":
      return sizeForm;
    case "retry":
      return "a number of retries from 0, or { attempts, delay, factor, maxDelay, jitter, if }";
    case "command":
      return 'a list of arguments such as ["git", "log"], or a string with "shell: true"';
    case "needs":
      return "the id of a task, or a list of ids";
    case "forEach":
      return "a list, or an expression that gives one";
    case "when":
      return "an expression, or true or false";
    case "env":
      return path.length <= 2 ? "the name of an environment variable" : "text, a number, true or false";
    default:
      if (path[0] === "inputs" && path.length === 2) return "a default, or { type, default, description, choices }";
      return otherForm;
  }
}

function article(expected: string): string {
  if (expected === "object" || expected === "record") return "a map";
  if (expected === "array") return "a list";
  if (expected === "boolean") return "true or false";
  if (expected === "int") return "a whole number";
  return `a ${expected}`;
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return String(value);
}

/** Keys that people bring from other tools, and what they are called here. */
const foreignKeys: Readonly<Record<string, string>> = {
  depends_on: "needs",
  dependsOn: "needs",
  dependencies: "needs",
  if: "when",
  retires: "retry",
  run: "command",
  script: "command",
  cmd: "command",
  args: "with",
  inputs: "with",
  params: "with",
  retries: "retry",
  "continue-on-error": "allowFailure",
  continueOnError: "allowFailure",
  steps: "tasks",
  jobs: "tasks",
  matrix: "forEach",
  foreach: "forEach",
  for_each: "forEach",
  environment: "env",
};

function unknownKey(key: string, known: readonly string[], path: DocumentPath): string {
  const foreign = Object.hasOwn(foreignKeys, key) ? foreignKeys[key]! : undefined;
  if (foreign !== undefined && known.includes(foreign)) return `unknown key; it is called "${foreign}" here`;
  if (key.includes(" ")) return "is taken for a key: a comma within { } ends a value; put the value in quotes";
  const nearest = nearestName(key, known);
  if (nearest !== undefined) return `unknown key; did you mean "${nearest}"?`;
  if (path.length === 0 && namePattern.test(key))
    return `unknown key; tasks stand under "tasks" (known: ${known.join(", ")})`;
  return `unknown key; known: ${known.join(", ")}`;
}

/** The keys that the schema has at a path. */
function knownKeys(path: DocumentPath): readonly string[] {
  let schema = unwrap(pipelineSchema);
  for (const step of path) {
    const next = schemasBelow(schema, step);
    if (next === undefined) return [];
    schema = unwrap(next);
  }
  return shapeOf(schema) === undefined ? [] : Object.keys(shapeOf(schema)!);
}

interface AnySchema {
  readonly def: {
    readonly type: string;
    readonly innerType?: AnySchema;
    readonly options?: readonly AnySchema[];
    readonly shape?: Readonly<Record<string, AnySchema>>;
    readonly valueType?: AnySchema;
    readonly element?: AnySchema;
  };
}

function unwrap(schema: unknown): AnySchema {
  let current = schema as AnySchema;
  while (current.def.innerType !== undefined) current = current.def.innerType;
  const map = current.def.options?.map(unwrap).find((option) => option.def.shape !== undefined);
  return map ?? current;
}

function shapeOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  return schema.def.shape;
}

function schemasBelow(schema: AnySchema, step: string | number): AnySchema | undefined {
  return shapeOf(schema)?.[step] ?? schema.def.valueType ?? schema.def.element;
}
