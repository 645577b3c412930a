/** One piece of code to run, with every option checked before anything starts. */
import { Checker } from "../model/check.js";
import { InvalidOptionError } from "../model/error.js";
import type { ExecuteCodeOptions } from "../model/sandbox.js";
import { checkEnvironment } from "./environment.js";
import { type Language, languageNamed } from "./language.js";

export interface CodeRequest {
  readonly language: Language;
  readonly code: string;
  readonly files: readonly InputFile[];
  /** Inputs as JSON text, or `undefined` where there are none. */
  readonly inputsJson: string | undefined;
  /** `undefined`: standard input is at its end from the start. */
  readonly stdin: Uint8Array | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly signal: AbortSignal | undefined;
  readonly onStdout: ((chunk: Uint8Array) => void) | undefined;
  readonly onStderr: ((chunk: Uint8Array) => void) | undefined;
}

export interface InputFile {
  /** Relative, `/` between parts, no empty part, no `.` or `..`, no NUL. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const options = [
  "language",
  "files",
  "inputs",
  "stdin",
  "env",
  "args",
  "signal",
  "onStdout",
  "onStderr",
] as const satisfies readonly (keyof ExecuteCodeOptions)[];

/** @throws InvalidOptionError with everything that is wrong. */
export function resolveCodeRequest(
  code: string,
  given: ExecuteCodeOptions = {},
  defaults: { readonly env: Readonly<Record<string, string>> } = { env: {} },
): CodeRequest {
  const check = new Checker();
  if (!check.object("", given, options)) check.finish();
  if (typeof code !== "string") check.report("code", `takes source text, got a value of type ${typeof code}`);
  else if (code.includes("\0")) check.report("code", "has a NUL character in it");
  const request: CodeRequest = {
    language: language(check, given.language ?? "python"),
    code,
    files: checkFiles(check, given.files),
    inputsJson: checkInputs(check, given.inputs),
    stdin: checkBytes(check, "stdin", given.stdin),
    env: { ...defaults.env, ...checkEnvironment(check, "env", given.env) },
    args: checkArguments(check, given.args),
    signal: checkSignal(check, given.signal),
    onStdout: checkCallback(check, "onStdout", given.onStdout),
    onStderr: checkCallback(check, "onStderr", given.onStderr),
  };
  check.finish();
  return request;
}

function language(check: Checker, name: string): Language {
  try {
    return languageNamed(name);
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    for (const problem of error.problems) check.report(problem.where, problem.message);
    return undefined as unknown as Language; // `check.finish` throws before anybody looks at it.
  }
}

function checkFiles(check: Checker, files: unknown): readonly InputFile[] {
  if (files === undefined) return [];
  if (typeof files !== "object" || files === null || Array.isArray(files)) {
    check.report("files", "takes an object of files: relative path to text or bytes");
    return [];
  }
  const inputs: InputFile[] = [];
  for (const [name, content] of Object.entries(files)) {
    const option = `files[${JSON.stringify(name)}]`;
    const problem = fileNameProblem(name);
    if (problem !== undefined) check.report(option, problem);
    const bytes = checkBytes(check, option, content) ?? missing(check, option);
    inputs.push({ name, bytes });
  }
  checkCollisions(check, inputs);
  return inputs;
}

/** Why a name is no relative path that stays in its folder, or `undefined` where it is one. */
export function fileNameProblem(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.includes("\0")) return "the name has a NUL character in it";
  if (name.startsWith("/")) return "the name takes a relative path, got an absolute one";
  if (/\p{Surrogate}/u.test(name)) return "the name is no valid Unicode";
  const parts = name.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    return 'the name takes a path without empty parts, "." and ".."';
  if (parts.some((part) => Buffer.byteLength(part) > 255)) return "a part of the name is longer than 255 bytes";
  if (parts.length > 32 || Buffer.byteLength(name) > 2048) return "the name is longer than 2048 bytes or 32 parts";
  return undefined;
}

/** `a` and `a/b` cannot both be files. */
function checkCollisions(check: Checker, files: readonly InputFile[]): void {
  const names = new Set(files.map((file) => file.name));
  for (const { name } of files) {
    const parts = name.split("/");
    for (let length = 1; length < parts.length; length++) {
      const folder = parts.slice(0, length).join("/");
      if (names.has(folder)) check.report(`files[${JSON.stringify(name)}]`, `"${folder}" is a file too`);
    }
  }
}

function checkBytes(check: Checker, option: string, value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  check.report(option, `takes text or a Uint8Array, got a value of type ${typeof value}`);
  return new Uint8Array();
}

function missing(check: Checker, option: string): Uint8Array {
  check.report(option, "takes text or a Uint8Array, got undefined");
  return new Uint8Array();
}

function checkInputs(check: Checker, inputs: unknown): string | undefined {
  if (inputs === undefined) return undefined;
  try {
    const json: string | undefined = JSON.stringify(inputs);
    if (json !== undefined) return json;
    check.report("inputs", "takes JSON data");
  } catch (error) {
    check.report("inputs", `takes JSON data: ${(error as Error).message}`);
  }
  return undefined;
}

const maximumArguments = 1024;

function checkArguments(check: Checker, args: unknown): readonly string[] {
  if (args === undefined) return [];
  const isList = Array.isArray(args) && args.every((argument) => typeof argument === "string");
  if (!isList) check.report("args", "takes an array of strings");
  else if (args.some((argument: string) => argument.includes("\0"))) check.report("args", "has a NUL character in it");
  else if (args.length > maximumArguments) check.report("args", `takes at most ${maximumArguments} arguments`);
  else return [...(args as string[])];
  return [];
}

function checkSignal(check: Checker, signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  check.report("signal", "takes an AbortSignal");
  return undefined;
}

function checkCallback<Callback>(check: Checker, option: string, callback: Callback): Callback | undefined {
  if (callback === undefined || typeof callback === "function") return callback;
  check.report(option, "takes a function");
  return undefined;
}
