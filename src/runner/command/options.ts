/** Options of one command, checked and filled in. */
import { Checker } from "../../model/check.js";
import type { CommandOptions } from "../../model/work.js";

export interface CheckedCommand {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
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

/** Variables of this process that a command sees where nothing else is said. */
export const defaultInheritedEnv: readonly string[] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"];

/** @throws InvalidOptionError with everything that is wrong. */
export function checkCommandOptions(options: CommandOptions): CheckedCommand {
  const check = new Checker("command");
  check.object("", options, known);
  const limit = check.oneOf("onOutputLimit", options.onOutputLimit, ["fail", "truncate"], "fail");
  const checked: CheckedCommand = {
    cwd: check.string("cwd", options.cwd, process.cwd()),
    env: checkEnvironment(check, options),
    stdin: options.stdin,
    shell: check.boolean("shell", options.shell, false),
    maximumBytes: check.bytes("maxOutput", options.maxOutput, 16 * 2 ** 20),
    failOnOutputLimit: limit === "fail",
    successCodes: options.successCodes ?? [0],
    killGraceMs: check.durationMs("killGrace", options.killGrace, 2000),
    output: check.oneOf("output", options.output, ["result", "text", "json"], "result"),
  };
  const { stdin, successCodes } = checked;
  if (stdin !== undefined && typeof stdin !== "string" && !(stdin instanceof Uint8Array))
    check.report("stdin", "takes text or bytes");
  if (!Array.isArray(successCodes) || !successCodes.every((code) => Number.isInteger(code) && code >= 0 && code <= 255))
    check.report("successCodes", "takes an array of integers from 0 to 255");
  check.finish();
  return checked;
}

function checkEnvironment(check: Checker, { env = {}, inheritEnv }: CommandOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  if (
    inheritEnv !== undefined &&
    !(Array.isArray(inheritEnv) && inheritEnv.every((name) => typeof name === "string"))
  ) {
    check.report("inheritEnv", "takes an array of names of variables");
    return environment;
  }
  for (const name of inheritEnv ?? defaultInheritedEnv) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  if (typeof env !== "object" || env === null || Array.isArray(env)) {
    check.report("env", "takes an object of texts");
    return environment;
  }
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || /[=\0]/.test(name)) check.report("env", `${JSON.stringify(name)} is no name of a variable`);
    else if (typeof value !== "string" || value.includes("\0")) check.report(`env.${name}`, "takes a text without NUL");
    else environment[name] = value;
  }
  return environment;
}
