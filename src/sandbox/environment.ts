/**
 * Variables that a caller may hand to code in a sandbox. Those that make a loader or an interpreter run something
 * before the code does (`LD_PRELOAD`, `PYTHONPATH`, `NODE_OPTIONS`, `BASH_ENV`) are refused: what they name would run
 * before the driver has put everything in place, and the caller can say the same in the code itself.
 */
import type { Checker } from "../model/check.js";

const refusedNames = new Set([
  "BASH_ENV",
  "ENV",
  "IFS",
  "SHELLOPTS",
  "BASHOPTS",
  "PS4",
  "PROMPT_COMMAND",
  "PATH",
  "HOME",
  "TMPDIR",
  "GCONV_PATH",
  "GLIBC_TUNABLES",
  "LOCPATH",
  "NLSPATH",
  "MALLOC_CONF",
  "OPENSSL_CONF",
  "OPENSSL_MODULES",
  "PERL5LIB",
  "PERL5OPT",
  "RUBYOPT",
  "RUBYLIB",
]);
const refusedPrefixes = ["LD_", "DYLD_", "PYTHON", "NODE_", "NPM_", "BASH_FUNC_", "MALLOC_"];

const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
const maximumBytes = 65_536;

/** Copies the variables, and reports each that is refused with its name. */
export function checkEnvironment(check: Checker, option: string, value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    check.report(option, "takes an object of variables: name to text");
    return {};
  }
  const variables: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries(value)) {
    const problem = environmentProblem(name, text);
    if (problem !== undefined) check.report(`${option}.${name}`, problem);
    else variables[name] = text as string;
    bytes += name.length + (typeof text === "string" ? Buffer.byteLength(text) : 0);
  }
  if (bytes > maximumBytes) check.report(option, `takes at most ${maximumBytes} bytes in all, got ${bytes}`);
  return variables;
}

function environmentProblem(name: string, text: unknown): string | undefined {
  if (!variableName.test(name)) return "the name takes letters, digits and _ and starts with no digit";
  if (refusedNames.has(name) || refusedPrefixes.some((prefix) => name.startsWith(prefix)))
    return "is refused, because it steers how programs are loaded";
  if (typeof text !== "string") return `takes a string, got a value of type ${typeof text}`;
  return text.includes("\0") ? "has a NUL character in it" : undefined;
}
