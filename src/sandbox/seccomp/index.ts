/** The system call filter of every sandbox of the process backend. */
import { OrchestratorError } from "../../model/error.js";
import {
  type Architecture,
  architectures,
  compileFilter,
  encodeProgram,
  type Instruction,
  type Outcome,
} from "./compile.js";
import { absentCalls, allowedCalls, conditionalCalls, ENOSYS, pretendedCalls, refuse } from "./policy.js";
import { type SystemCall, systemCalls } from "./system-calls.js";

/** The filter as instructions, for an architecture. */
export function seccompProgram(architecture: Architecture): Instruction[] {
  const outcomes = new Map<number, Outcome>();
  const decide = (call: SystemCall, outcome: Outcome) => {
    const number = systemCalls[call][architecture.column];
    if (number >= 0) outcomes.set(number, outcome);
  };
  for (const call of Object.keys(systemCalls) as SystemCall[]) decide(call, refuse);
  for (const call of allowedCalls) decide(call, "allow");
  for (const call of absentCalls) decide(call, { errno: ENOSYS });
  for (const call of pretendedCalls) decide(call, { errno: 0 });
  for (const [call, rules] of Object.entries(conditionalCalls)) decide(call as SystemCall, rules);
  return compileFilter(architecture, outcomes, refuse);
}

let encoded: Uint8Array | undefined;

/** The filter for this host, as bytes that bubblewrap and `seccomp(2)` take. */
export function hostSeccompProgram(): Uint8Array {
  encoded ??= encodeProgram(seccompProgram(hostArchitecture()));
  return encoded;
}

function hostArchitecture(): Architecture {
  if (process.arch === "x64" || process.arch === "arm64") return architectures[process.arch];
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    `no system call filter for the ${process.arch} architecture: sandboxes need x86-64 or arm64`,
  );
}
