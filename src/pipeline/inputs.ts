/** Inputs of a pipeline: what the file declares, and the values that one run is given. */
import { resolve } from "node:path";
import { nearestName } from "../model/check.js";
import type { Report } from "./check-tasks.js";
import type { Pipeline } from "./pipeline.js";
import { PipelineError, type PipelineProblem } from "./problem.js";
import type { InputDefinition, InputType, PipelineDefinition } from "./schema.js";

/** The declared inputs, with a default alone (`limit: 100`) taken as its type. Reports a default that its own input would refuse. */
export function definePipelineInputs(definition: PipelineDefinition, report: Report): Map<string, InputDefinition> {
  const inputs = new Map<string, InputDefinition>();
  for (const [name, written] of Object.entries(definition.inputs ?? {})) {
    const input: InputDefinition =
      typeof written === "object"
        ? written
        : { type: typeof written as "string" | "number" | "boolean", default: written };
    inputs.set(name, input);
    if (input.default === undefined || input.default === null) continue;
    const checked = checkValue(input, input.default);
    const path = ["inputs", name, ...(typeof written === "object" ? ["default"] : [])];
    if ("problem" in checked) report(path, checked.problem);
  }
  return inputs;
}

export interface InputOptions {
  /** Folder that a given path starts from. Default: the working directory. */
  readonly workingDirectory?: string;
}

/**
 * The value of every input: what was given, made into its type (text such as `"12"` or `"true"` is taken for a number
 * or a boolean), or its default.
 * @throws PipelineError with every input that is missing, unknown or of the wrong type
 */
export function resolveInputs(
  pipeline: Pipeline,
  given: Readonly<Record<string, unknown>>,
  { workingDirectory = process.cwd() }: InputOptions = {},
): Record<string, unknown> {
  const problems: PipelineProblem[] = [];
  const values: Record<string, unknown> = {};
  const reject = (name: string, message: string) =>
    problems.push({ where: `input ${name}`, message, line: 0, column: 0, frame: "" });
  for (const name of Object.keys(given)) if (!pipeline.inputs.has(name)) reject(name, unknownInput(name, pipeline));
  for (const [name, input] of pipeline.inputs) {
    const isGiven = Object.hasOwn(given, name);
    if (!isGiven && input.default === undefined) {
      reject(
        name,
        `is required: give it with -i ${name}=...${input.description === undefined ? "" : ` (${input.description})`}`,
      );
      continue;
    }
    const checked = checkValue(input, isGiven ? given[name] : input.default);
    if ("problem" in checked) reject(name, checked.problem);
    else
      values[name] =
        input.type === "path"
          ? absolute(checked.value, isGiven ? workingDirectory : pipeline.directory)
          : checked.value;
  }
  if (problems.length > 0) throw new PipelineError(pipeline.file, problems);
  return values;
}

function absolute(value: unknown, base: string): unknown {
  return typeof value === "string" ? resolve(base, value) : value;
}

function unknownInput(name: string, pipeline: Pipeline): string {
  const known = [...pipeline.inputs.keys()];
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `is unknown; did you mean "${nearest}"?`;
  return known.length === 0
    ? "is unknown: this pipeline takes no inputs"
    : `is unknown; this pipeline takes ${known.join(", ")}`;
}

type Checked = { readonly value: unknown } | { readonly problem: string };

function checkValue(input: InputDefinition, given: unknown): Checked {
  if (given === null) return { value: null };
  const converted = convert(input.type, given);
  if ("problem" in converted) return converted;
  const { value } = converted;
  if (input.choices !== undefined && !input.choices.includes(value as string))
    return { problem: `takes one of ${input.choices.join(", ")}, got ${describe(given)}` };
  if (typeof value !== "number") return converted;
  if (input.minimum !== undefined && value < input.minimum)
    return { problem: `takes a number from ${input.minimum}, got ${value}` };
  if (input.maximum !== undefined && value > input.maximum)
    return { problem: `takes a number up to ${input.maximum}, got ${value}` };
  return converted;
}

const forms: Readonly<Record<InputType, string>> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  path: "a path",
  list: "a list: a,b,c or JSON",
  object: "a JSON object",
};

function convert(type: InputType, given: unknown): Checked {
  const value = typeof given === "string" ? fromText(type, given) : given;
  return isOfType(type, value) ? { value } : { problem: `takes ${forms[type]}, got ${describe(given)}` };
}

function isOfType(type: InputType, value: unknown): boolean {
  switch (type) {
    case "string":
    case "path":
      return typeof value === "string" && (type === "string" || (value !== "" && !value.includes("\0")));
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "boolean":
      return typeof value === "boolean";
    case "list":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function fromText(type: InputType, text: string): unknown {
  switch (type) {
    case "string":
    case "path":
      return text;
    case "number":
    case "integer":
      return text.trim() === "" ? text : Number(text);
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "list":
      if (!text.trimStart().startsWith("[")) return text === "" ? [] : text.split(",").map((part) => part.trim());
      return fromJson(text);
    case "object":
      return fromJson(text);
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "a map" : String(value);
}
