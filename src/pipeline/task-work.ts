/**
 * Turns what a task of a file does into work for the executor. Where nothing depends on an earlier task the work is
 * plain data, made before the run starts; otherwise it is made when an attempt starts, from a scope that is asked then.
 *
 * Values never become code: an expression in a command's list is one argument, text for a shell or a sandbox is taken
 * as it stands in the file, and values reach those by environment variables or as inputs.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { TaskContext } from "../model/context.js";
import { code, command, subprocess, worker } from "../model/describe.js";
import { OrchestratorError } from "../model/error.js";
import type { SandboxConfig } from "../model/sandbox.js";
import type { ConditionContext, Task } from "../model/task.js";
import type { CodeWorkOptions, CommandOptions, DescribedWork, Inputs } from "../model/work.js";
import { splitModule } from "./check-tasks.js";
import type { Scope } from "./expression.js";
import type { Pipeline, PipelineTask } from "./pipeline.js";
import type { HandlerDefinition, TaskDefinition } from "./schema.js";
import type { ScopeMaker } from "./scope.js";
import type { Template } from "./template.js";

type Definition = TaskDefinition | HandlerDefinition;

/** Variables that a command sees without being named, besides the file's `env`. */
const inheritedVariables = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"];

/** The scope of one attempt. */
export type ScopeOf = (context: ConditionContext) => Scope;

export interface WorkPlace {
  readonly pipeline: Pipeline;
  readonly scopes: ScopeMaker;
}

/** `run` and `with` of the task that carries out `task` in the scope that `scopeOf` gives. */
export function makeWork(task: PipelineTask, place: WorkPlace, scopeOf: ScopeOf): Pick<Task, "run" | "with"> {
  const { definition, templates } = task;
  const resolveWith = (scope: Scope) => (templates.with?.evaluate(scope) ?? {}) as Inputs;
  if (definition.module !== undefined && definition.runner === "inline")
    return {
      run: inlineWork(
        definition.module,
        place.pipeline,
        (context) => resolveWith(scopeOf(context)),
        finisher(task, place),
      ),
    };

  const describe = describer(task, place.pipeline);
  const finish = finisher(task, place);
  const { command: argv, cwd, env, stdin } = templates;
  const isFixed = [...(argv ?? []), cwd, env, stdin, templates.with].every((template) => isStatic(template));
  if (isFixed && finish === undefined) {
    const scope = place.scopes.run;
    return { run: describe(scope), ...(templates.with && { with: resolveWith(scope) }) };
  }
  const resolveWork = (context: ConditionContext) => {
    const scope = scopeOf(context);
    return { work: describe(scope), with: resolveWith(scope) };
  };
  return { run: { kind: "deferred", resolve: resolveWork, ...(finish && { finish }) } };
}

/** Whether a template can be evaluated before anything ran. */
export function isStatic(template: Template | undefined): boolean {
  const names = template?.expressions.flatMap(({ expression }) => expression.references.map(({ name }) => name)) ?? [];
  return names.every((name) => name === "inputs" || name === "env");
}

/** Evaluates `outputs` once, so that a wrong one fails its own task rather than those that read it. */
function finisher(task: PipelineTask, { scopes }: WorkPlace): ((output: unknown) => unknown) | undefined {
  const { outputs } = task.templates;
  if (outputs === undefined || taskRepeats(task)) return undefined;
  return (output) => {
    outputs.evaluate(scopes.ofOutput(output));
    return output;
  };
}

/** Whether the work runs for each item, or in a loop: its attempts are then children of the task. */
export function taskRepeats({ templates }: PipelineTask): boolean {
  return templates.forEach !== undefined || templates.until !== undefined;
}

function describer(task: PipelineTask, pipeline: Pipeline): (scope: Scope) => DescribedWork {
  const { definition } = task;
  if (definition.command !== undefined) return (scope) => command(...commandParts(task, pipeline, scope));
  if (definition.module !== undefined) {
    const { url, exportName } = moduleOf(definition.module, pipeline);
    const work = definition.runner === "process" ? subprocess(url, exportName) : worker(url, exportName);
    return () => work as DescribedWork;
  }
  const source = readSource(definition, pipeline);
  const sandbox = sandboxOption(definition, pipeline);
  return (scope) =>
    code(definition.code!.language, source, { ...sandbox, ...codeOptions(task, scope) }) as DescribedWork;
}

function codeOptions({ templates: { env, stdin } }: PipelineTask, scope: Scope): CodeWorkOptions {
  return {
    ...(env && { env: toVariables(env.evaluate(scope), "code") }),
    ...(stdin && { stdin: toArgument(stdin.evaluate(scope), "stdin of the code") }),
  };
}

function toVariables(values: unknown, of: string): Record<string, string> {
  const entries = Object.entries(values as Record<string, unknown>);
  return Object.fromEntries(entries.map(([name, value]) => [name, toArgument(value, `env.${name} of the ${of}`)]));
}

/** Folders of packages are relative to the file, as every path in it is. */
function sandboxOption({ code: written }: Definition, { directory }: Pipeline): CodeWorkOptions {
  const { sandbox } = written!;
  const packageFolders = sandbox?.packageFolders?.map((folder) => resolve(directory, folder));
  if (sandbox === undefined) return {};
  return { sandbox: { ...sandbox, ...(packageFolders && { packageFolders }) } as SandboxConfig };
}

function readSource({ code: written }: Definition, pipeline: Pipeline): string {
  return written!.source ?? readFileSync(resolve(pipeline.directory, written!.file!), "utf8");
}

function moduleOf(module: string, pipeline: Pipeline): { url: URL; exportName: string } {
  const { file, exportName } = splitModule(module);
  return { url: pathToFileURL(resolve(pipeline.directory, file)), exportName };
}

function commandParts(task: PipelineTask, pipeline: Pipeline, scope: Scope): [string[], CommandOptions] {
  const { definition, templates } = task;
  const argv = templates.command?.map((part, index) =>
    toArgument(part.evaluate(scope), `argument ${index} of the command`),
  );
  const env = templates.env?.evaluate(scope);
  const options: CommandOptions = {
    cwd: resolve(pipeline.directory, toArgument(templates.cwd?.evaluate(scope) ?? ".", "cwd of the command")),
    inheritEnv: [...inheritedVariables, ...(pipeline.definition.env ?? [])],
    output: definition.stdout ?? "text",
    ...(env !== undefined && { env: toVariables(env, "command") }),
    ...(templates.stdin && { stdin: toArgument(templates.stdin.evaluate(scope), "stdin of the command") }),
    ...(definition.shell && { shell: true }),
    ...(definition.maxOutput !== undefined && { maxOutput: definition.maxOutput }),
    ...(definition.successCodes && { successCodes: definition.successCodes }),
    ...(definition.killGrace !== undefined && { killGrace: definition.killGrace }),
  };
  return [argv ?? [definition.command as string], options];
}

function toArgument(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const kind = value === null || value === undefined ? "null" : Array.isArray(value) ? "a list" : "a map";
  const message = `${where} is ${kind}; it takes text, numbers and booleans (toJson(...) makes text of anything)`;
  throw new OrchestratorError("INVALID_OPTION", message);
}

/** A module's export, called in this process. */
function inlineWork(
  module: string,
  pipeline: Pipeline,
  resolveInputs: (context: TaskContext) => Inputs,
  finish: ((output: unknown) => unknown) | undefined,
): (inputs: Inputs, context: TaskContext) => Promise<unknown> {
  const { url, exportName } = moduleOf(module, pipeline);
  return async (_inputs, context) => {
    const call = await loadExport(url, exportName);
    const output = await call(resolveInputs(context), context);
    return finish === undefined ? output : finish(output);
  };
}

type ModuleFunction = (inputs: Inputs, context: TaskContext) => unknown;

async function loadExport(url: URL, exportName: string): Promise<ModuleFunction> {
  const loaded = (await import(url.href).catch((cause: unknown) => {
    throw notLoaded(url, `could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  })) as Record<string, unknown>;
  const found = loaded[exportName];
  if (typeof found === "function") return found as ModuleFunction;
  throw notLoaded(
    url,
    `exports no function "${exportName}"; it exports ${Object.keys(loaded).join(", ") || "nothing"}`,
  );
}

function notLoaded(url: URL, what: string, cause?: unknown): OrchestratorError {
  return new OrchestratorError("MODULE_NOT_LOADED", `module ${url.href} ${what}`, {
    cause,
    failureReason: { kind: "module-not-loaded", module: url.href },
  });
}
