/** Options of a command, checked where a graph is, and again by whoever starts the command. */
import { Checker } from "./check.js";
import type { Problem } from "./error.js";
import type { CommandOptions } from "./work.js";

/** What needs no look at this process. */
export interface PlainCommandOptions {
  readonly stdin: string | Uint8Array | undefined;
  readonly shell: boolean;
  readonly maximumBytes: number;
  readonly failOnOutputLimit: boolean;
  readonly successCodes: readonly number[];
  readonly killGraceMs: number;
  readonly output: "result" | "text" | "json";
}

const known: readonly (keyof CommandOptions)[] = [
  "cwd",
  "env",
  "inheritEnv",
  "stdin",
  "shell",
  "maxOutput",
  "onOutputLimit",
  "successCodes",
  "killGrace",
  "output",
];

/** Everything that is wrong with the options of a command. */
export function commandProblems(options: CommandOptions): readonly Problem[] {
  const check = new Checker("command");
  readCommandOptions(check, options);
  return check.problems;
}

/** Reports everything that is wrong, and gives what is right. */
export function readCommandOptions(check: Checker, options: CommandOptions): PlainCommandOptions {
  const isObject: boolean = check.object("", options as unknown, known);
  if (!isObject) return readCommandOptions(check, {});
  check.string("cwd", options.cwd, undefined);
  checkVariables(check, options);
  const { stdin, successCodes = [0] } = options;
  if (stdin !== undefined && typeof stdin !== "string" && !(stdin instanceof Uint8Array))
    check.report("stdin", "takes text or bytes");
  if (!Array.isArray(successCodes) || !successCodes.every((code) => Number.isInteger(code) && code >= 0 && code <= 255))
    check.report("successCodes", "takes an array of integers from 0 to 255");
  return {
    stdin,
    successCodes,
    shell: check.boolean("shell", options.shell, false),
    maximumBytes: check.bytes("maxOutput", options.maxOutput, 16 * 2 ** 20),
    failOnOutputLimit: check.oneOf("onOutputLimit", options.onOutputLimit, ["fail", "truncate"], "fail") === "fail",
    killGraceMs: check.durationMs("killGrace", options.killGrace, 2000),
    output: check.oneOf("output", options.output, ["result", "text", "json"], "result"),
  };
}

function checkVariables(check: Checker, { env = {}, inheritEnv }: CommandOptions): void {
  if (inheritEnv !== undefined && !isListOfNames(inheritEnv))
    check.report("inheritEnv", "takes an array of names of variables");
  if (!check.isObject("env", env)) return;
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || /[=\0]/.test(name)) check.report("env", `${JSON.stringify(name)} is no name of a variable`);
    else if (typeof value !== "string" || value.includes("\0")) check.report(`env.${name}`, "takes a text without NUL");
  }
}

function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
