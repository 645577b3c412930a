/** Reads a pipeline file: its text, its shape, its expressions and what they name, all problems at once. */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { checkCycles, ReferenceChecker } from "./check-references.js";
import { checkTask } from "./check-tasks.js";
import { baseNames, compileTasks } from "./compile-tasks.js";
import { describePath, documentLimits, SourceDocument, tooLarge } from "./document.js";
import type { ExpressionError } from "./expression.js";
import { definePipelineInputs } from "./inputs.js";
import type { Pipeline } from "./pipeline.js";
import { PipelineError, type PipelineProblem } from "./problem.js";
import type { PipelineDefinition } from "./schema.js";
import { checkShape } from "./shape.js";
import { isConsequence } from "./sound-part.js";
import { compileTemplate, type Template } from "./template.js";

/**
 * Reads and checks the pipeline file at `file`.
 *
 * @example
 * import { mkdtempSync, writeFileSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * const file = join(mkdtempSync(join(tmpdir(), "pipeline-")), "hello.yaml");
 * writeFileSync(file, "tasks: { greet: { command: [echo, hello] } }");
 * console.log(loadPipeline(file).tasks.map(({ id }) => id)); // prints [ 'greet' ]
 *
 * @throws PipelineError with every problem, each with its line and column
 */
export function loadPipeline(file: string): Pipeline {
  return parsePipeline(readText(file), { file, directory: dirname(resolve(file)) });
}

/** What the text of a pipeline file cannot say of itself. */
export interface ParseOptions {
  /** The name of the file in messages. Default `"pipeline.yaml"`. */
  readonly file?: string;
  /** Folder that relative paths start from. Default: the working directory. */
  readonly directory?: string;
}

/**
 * Checks the text of a pipeline file, YAML or JSON.
 *
 * @example
 * const pipeline = parsePipeline("name: hello\ntasks: { greet: { command: [echo, hello] } }");
 * console.log(pipeline.name); // prints hello
 *
 * @throws PipelineError with every problem, each with its line and column
 */
export function parsePipeline(text: string, options: ParseOptions = {}): Pipeline {
  const { file = "pipeline.yaml", directory = process.cwd() } = options;
  const document = new SourceDocument(file, text);
  if (document.value === null) throw new PipelineError(file, [noPlace("is empty; a pipeline has at least tasks")]);
  const { definition, problems: wrong, removed } = checkShape(document);
  if (definition === undefined) throw new PipelineError(file, inFileOrder(wrong));
  const { pipeline, problems } = compile(document, definition, directory);
  const places = removed.map(describePath);
  const all = [...wrong, ...problems.filter(({ where }) => !isConsequence(where, places))];
  if (all.length > 0) throw new PipelineError(file, inFileOrder(all));
  return pipeline;
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > documentLimits.bytes) throw new PipelineError(file, [tooLarge(size)]);
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError(file, [noPlace(readFailure(error as NodeJS.ErrnoException))]);
  }
}

function readFailure(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no such file";
  if (error.code === "EISDIR") return "is a folder; name the pipeline file in it";
  if (error.code === "EACCES") return "may not be read";
  if (error.code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "is not text in UTF-8";
  return `could not be read: ${error.message}`;
}

function noPlace(message: string): PipelineProblem {
  return { where: "", message, line: 0, column: 0, frame: "" };
}

function compile(
  document: SourceDocument,
  definition: PipelineDefinition,
  directory: string,
): { readonly pipeline: Pipeline; readonly problems: readonly PipelineProblem[] } {
  const problems: PipelineProblem[] = [];
  const report = (path: readonly (string | number)[], message: string, part?: "key" | "value") =>
    problems.push(document.problem(path, message, part));
  const reportExpression = (path: readonly (string | number)[], error: ExpressionError) =>
    problems.push(document.problemInString(path, error.start, error.end - error.start, error.message));

  const tasks = compileTasks(definition, reportExpression);
  const outputs = new Map<string, Template>();
  for (const [name, value] of Object.entries(definition.outputs ?? {}))
    outputs.set(name, compileTemplate(value, ["outputs", name], baseNames, reportExpression));
  const inputs = definePipelineInputs(definition, report);
  if (tasks.length === 0) report(["tasks"], "is empty");

  const references = new ReferenceChecker(definition, document, problems);
  for (const task of tasks) {
    checkTask(task, definition, directory, report);
    references.task(task);
  }
  for (const output of outputs.values()) references.template(output);
  checkCycles(tasks, report);

  const name = definition.name ?? basename(document.file, extname(document.file));
  const pipeline = { name, file: document.file, directory, document, definition, inputs, tasks, outputs };
  return { pipeline, problems };
}

function inFileOrder(problems: readonly PipelineProblem[]): PipelineProblem[] {
  return [...problems].sort((left, right) => left.line - right.line || left.column - right.column);
}
