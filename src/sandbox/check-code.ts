/** What is wrong with a piece of code before it is run: its language, its options and the configuration of its sandbox. */
import type { Problem } from "../model/error.js";
import { InvalidOptionError } from "../model/error.js";
import type { SandboxConfig } from "../model/sandbox.js";
import type { CodeWork } from "../model/work.js";
import { resolveSandboxConfig } from "./config.js";
import "./language/index.js";
import { resolveCodeRequest } from "./request.js";

export function codeProblems({ source, language, options = {} }: CodeWork, sandbox: SandboxConfig): readonly Problem[] {
  const { output, ...given } = options;
  const problems = [
    ...problemsOf(() => resolveCodeRequest(source, { ...given, language })),
    ...problemsOf(() => resolveSandboxConfig(sandbox)),
  ];
  if (output === undefined || output === "value" || output === "result") return problems;
  return [...problems, { where: "output", message: `takes one of "value", "result", got ${JSON.stringify(output)}` }];
}

function problemsOf(check: () => unknown): readonly Problem[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.problems;
    throw error;
  }
}
