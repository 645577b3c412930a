/** Options of one command, checked and filled in from this process. */
import { Checker } from "../../model/check.js";
import { type PlainCommandOptions, readCommandOptions } from "../../model/command-options.js";
import type { CommandOptions } from "../../model/work.js";

export interface CheckedCommand extends PlainCommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Variables of this process that a command sees where nothing else is said. */
export const defaultInheritedEnv: readonly string[] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"];

/** @throws InvalidOptionError with everything that is wrong. */
export function checkCommandOptions(options: CommandOptions): CheckedCommand {
  const check = new Checker("command");
  const plain = readCommandOptions(check, options);
  check.finish();
  return { ...plain, cwd: options.cwd ?? process.cwd(), env: environmentOf(options) };
}

function environmentOf({ env = {}, inheritEnv = defaultInheritedEnv }: CommandOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of inheritEnv) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...env };
}
