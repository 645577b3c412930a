/** What every backend does with what it has prepared: one run, or whatever holds it for longer. */
import type { SandboxExecutionResult } from "../../model/sandbox.js";
import type { ResolvedSandboxConfig } from "../config.js";
import type { CodeRequest } from "../request.js";
import type { PreparedRecipe, Recipe, SandboxLauncher } from "./launched.js";
import { runCode } from "./run-code.js";

export interface PreparedRun<Kind extends Recipe> {
  readonly prepared: PreparedRecipe<Kind>;
  readonly launcher: SandboxLauncher<Kind>;
  readonly config: ResolvedSandboxConfig;
  readonly request: CodeRequest;
  /** What the clock of the time limit starts with: where a launch takes long, that is no fault of the code's. */
  readonly clock: "launch" | "ready";
}

/** Runs the code in a sandbox of its own, and gives back what was prepared for it. */
export async function runPrepared<Kind extends Recipe>({
  prepared,
  launcher,
  config: { limits },
  request,
  clock,
}: PreparedRun<Kind>): Promise<SandboxExecutionResult> {
  try {
    const calledAt = performance.now();
    const sandbox = await launcher.launch(prepared.recipe);
    const startedAt = clock === "launch" ? calledAt : performance.now();
    const result = await runCode(sandbox, request, { limits, startedAt });
    const denials = prepared.denials();
    return denials === undefined ? result : { ...result, networkDenials: denials };
  } finally {
    await prepared.release();
  }
}

/** Gives back what was prepared where what takes it fails. */
export async function orRelease<Value>(
  { release }: { release(): Promise<void> },
  take: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await take();
  } catch (error) {
    await release();
    throw error;
  }
}
