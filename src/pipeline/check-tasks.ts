/** Checks what the schema cannot say of one task: kinds of work that exclude one another, files that are not there. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidOptionError } from "../model/error.js";
import type { SandboxConfig } from "../model/sandbox.js";
import { parseBytes } from "../model/units.js";
import { resolveSandboxConfig } from "../sandbox/config.js";
import "../sandbox/language/index.js";
import { languageNamed } from "../sandbox/language.js";
import type { DocumentPath } from "./document.js";
import { type PipelineTask, taskOnly } from "./pipeline.js";
import type { HandlerDefinition, PipelineDefinition, TaskDefinition } from "./schema.js";

type Definition = TaskDefinition | HandlerDefinition;

/** Told of a problem at a path of the document. */
export type Report = (path: DocumentPath, message: string, part?: "key" | "value") => void;

/** Reports all that is wrong with one task by itself. */
export function checkTask(task: PipelineTask, definition: PipelineDefinition, directory: string, report: Report): void {
  checkKind(task, report);
  checkCommand(task.definition, task.path, report);
  checkModule(task.definition, task.path, directory, report);
  checkCode(task.definition, task.path, directory, report);
  checkRepetition(task, report);
  checkResources(task, definition, report);
}

const keysOfKind = {
  command: ["shell", "cwd", "env", "stdin", "stdout", "successCodes", "maxOutput", "killGrace"],
  module: ["runner"],
  code: ["env", "stdin"],
} as const;
const kinds = ["command", "module", "code"] as const;

function checkKind(task: PipelineTask, report: Report): void {
  const { definition, path } = task;
  const present = kinds.filter((kind) => definition[kind] !== undefined);
  if (present.length === 0) report(path, "does nothing: give it one of command, module, code", "key");
  for (const kind of present.slice(1))
    report([...path, kind], `has ${present[0]} already: a task does one thing`, "key");
  if (present.length !== 1) return;
  for (const kind of kinds) {
    if (kind === present[0]) continue;
    const own: readonly string[] = keysOfKind[present[0]!];
    for (const key of keysOfKind[kind])
      if (definition[key] !== undefined && !own.includes(key))
        report([...path, key], `belongs to ${kind}; this task has ${present[0]}`, "key");
  }
  if (present[0] === "command" && definition.with !== undefined)
    report(
      [...path, "with"],
      "belongs to module and code; a command gets values as arguments, by env or by stdin",
      "key",
    );
}

function checkCommand(definition: Definition, path: DocumentPath, report: Report): void {
  const { command, shell } = definition;
  if (command === undefined) return;
  if (Array.isArray(command) && shell === true)
    report([...path, "command"], "with shell: true is one string, not a list");
  if (typeof command === "string" && shell !== true)
    report(
      [...path, "command"],
      'is a string: write a list of arguments, ["git", "log"], or add "shell: true" for /bin/sh',
    );
  if (typeof command === "string" && shell === true && command.includes("${{"))
    report(
      [...path, "command"],
      'an expression in a line for the shell could run anything; give it by "env: { NAME: ... }" and write "$NAME"',
    );
}

function checkModule(definition: Definition, path: DocumentPath, directory: string, report: Report): void {
  if (definition.module === undefined) return;
  const { file, exportName } = splitModule(definition.module);
  if (exportName === "") report([...path, "module"], 'names no export after "#"');
  else if (definition.module.includes("${{")) report([...path, "module"], "takes no expressions");
  else if (/\.[cm]?tsx?$/.test(file))
    report([...path, "module"], "is TypeScript; name the JavaScript that it is compiled to");
  else if (!isFile(resolve(directory, file)))
    report([...path, "module"], `there is no file ${resolve(directory, file)}`);
}

/** `./tasks.js#clean` as its file and export; without `#` the default export. */
export function splitModule(module: string): { file: string; exportName: string } {
  const hash = module.lastIndexOf("#");
  return hash === -1
    ? { file: module, exportName: "default" }
    : { file: module.slice(0, hash), exportName: module.slice(hash + 1) };
}

function checkCode(definition: Definition, path: DocumentPath, directory: string, report: Report): void {
  const { code } = definition;
  if (code === undefined) return;
  checkSandbox(code, path, report);
  if (code.source === undefined && code.file === undefined)
    report([...path, "code"], "has no code: give source or file", "key");
  if (code.source !== undefined && code.file !== undefined)
    report([...path, "code", "file"], "has source already: give one of them", "key");
  if (code.file !== undefined && !isFile(resolve(directory, code.file)))
    report([...path, "code", "file"], `there is no file ${resolve(directory, code.file)}`);
  if (code.source?.includes("${{") === true)
    report(
      [...path, "code", "source"],
      'expressions are not put into code; give values by "with" and read them from "inputs"',
    );
}

/** What the sandbox itself would refuse when the task starts. */
function checkSandbox(
  { language, sandbox }: NonNullable<Definition["code"]>,
  path: DocumentPath,
  report: Report,
): void {
  for (const check of [() => void languageNamed(language), () => void resolveSandboxConfig(sandbox as SandboxConfig)]) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) throw error;
      for (const { where, message } of error.problems) report([...path, "code", ...stepsOf(where)], message);
    }
  }
}

/** `sandbox.allowedDomains[0]` as the steps of a path. */
function stepsOf(where: string): (string | number)[] {
  const steps = where.split(/[.[\]]+/).filter((step) => step !== "");
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

function checkRepetition(task: PipelineTask, report: Report): void {
  const { forEach, loop, concurrency } = taskOnly(task.definition);
  if (forEach !== undefined && loop !== undefined)
    report([...task.path, "loop"], "has forEach already: a task repeats in one way", "key");
  if (concurrency !== undefined && forEach === undefined)
    report([...task.path, "concurrency"], "belongs to forEach", "key");
}

function checkResources(task: PipelineTask, { limits = {} }: PipelineDefinition, report: Report): void {
  const { cpu, memory, ...others } = task.definition.resources ?? {};
  const path = [...task.path, "resources"];
  if (cpu !== undefined && limits.maxCpuCores !== undefined && cpu > limits.maxCpuCores)
    report([...path, "cpu"], `asks for ${cpu} cores; limits.maxCpuCores allows ${limits.maxCpuCores}`);
  if (memory !== undefined && limits.maxMemory !== undefined && parseBytes(memory) > parseBytes(limits.maxMemory))
    report([...path, "memory"], `asks for ${memory}; limits.maxMemory allows ${limits.maxMemory}`);
  for (const [name, amount] of Object.entries(others)) {
    const limit = limits.resources?.[name];
    if (limit === undefined) report([...path, name], `limits.resources has no "${name}"`, "key");
    else if ((amount as number) > limit)
      report([...path, name], `asks for ${String(amount)}; limits.resources allows ${limit}`);
  }
}
