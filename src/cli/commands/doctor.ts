/** `orchestrator doctor`: what this machine offers. The checks are in `doctor/`; a new part of the engine adds its own. */

import type { Check, Finding } from "../doctor/check.js";
import { cgroupChecks } from "../doctor/limits.js";
import { machineChecks } from "../doctor/machine.js";
import { sandboxFindings } from "../doctor/sandbox.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { makeStyle, type Style } from "../render/style.js";

const checks: readonly Check[] = [...machineChecks, ...cgroupChecks];

export async function doctor(flags: { readonly json?: boolean }): Promise<ExitCode> {
  const findings: Finding[] = [];
  for (const check of checks) findings.push(await perform(check));
  findings.push(...(await sandboxFindings().catch(brokenSandbox)));
  if (flags.json === true) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else process.stdout.write(describeFindings(findings, makeStyle(process.stdout)));
  return findings.some(({ verdict }) => verdict === "bad") ? exitCode.failed : exitCode.succeeded;
}

function brokenSandbox(error: unknown): Finding[] {
  return [{ name: "sandbox", verdict: "bad", found: `could not be tried: ${(error as Error).message}` }];
}

async function perform({ name, run }: Check): Promise<Finding> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    return { name, verdict: "bad", found: `the check itself failed: ${(error as Error).message}` };
  }
}

function describeFindings(findings: readonly Finding[], style: Style): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const marks = { good: style.good("\u2713"), limited: style.warning("!"), bad: style.error("\u2717") };
  const lines = findings.map(({ name, verdict, found, advice }) => {
    const line = `${marks[verdict]} ${name.padEnd(width)}  ${found}`;
    return advice === undefined ? line : `${line}\n${" ".repeat(width + 4)}${style.dim(advice)}`;
  });
  return `${lines.join("\n")}\n`;
}
