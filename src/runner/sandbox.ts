/** Carries out code work: each attempt in a sandbox of its own. */
import { OrchestratorError } from "../model/error.js";
import type { FailureReason } from "../model/result.js";
import type { SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { CodeWork } from "../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest, LimitEnforcement, Runner } from "../port/runner.js";
import { codeProblems } from "../sandbox/check-code.js";
import { describePlace } from "../sandbox/describe-place.js";
import { SandboxManager } from "../sandbox/sandbox-manager.js";
import type { WarmOptions } from "../sandbox/warm-options.js";
import { LineSplitter } from "./command/line-splitter.js";
import { traceVariables } from "./trace-variables.js";

export interface SandboxRunnerOptions {
  /** Sandboxes at once, from 1 to 1,000. */
  readonly maxConcurrent: number;
  /** Whether more is started ahead of need, and not given up while it is idle. Default `false`. */
  readonly keepWarm?: boolean;
}

const keptWarm: WarmOptions = { spares: 4, maxSpares: 16, idleLimit: "1h", serverIdleLimit: "1h" };
const microsecondsPerPeriod = 100_000;

export class SandboxRunner implements Runner {
  readonly kind = "code";
  readonly #manager: SandboxManager;
  readonly #running = new Set<Promise<void>>();
  readonly #held = new Map<string, LimitEnforcement>();
  #nextWorker = 0;
  readonly #freeWorkers: number[] = [];

  constructor({ maxConcurrent, keepWarm = false }: SandboxRunnerOptions) {
    const warm = keepWarm ? { warm: keptWarm } : {};
    this.#manager = new SandboxManager({ maxConcurrent: Math.min(1000, maxConcurrent), ...warm });
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    const controller = new AbortController();
    const worker = this.#freeWorkers.pop() ?? ++this.#nextWorker;
    const running = this.#run(request, listener, `sandbox-${worker}`, controller.signal).finally(() => {
      this.#running.delete(running);
      this.#freeWorkers.push(worker);
    });
    this.#running.add(running);
    return { abort: (reason) => controller.abort(reason) };
  }

  /** What held the limits of the sandboxes so far. */
  enforcement(): readonly LimitEnforcement[] {
    return [...this.#held.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.#running);
    await this.#manager.close();
  }

  async #run(request: AttemptRequest, listener: AttemptListener, workerId: string, signal: AbortSignal): Promise<void> {
    const { language, source, options = {} } = request.work as CodeWork;
    const { output = "value", ...given } = options;
    const stdout = new LineSplitter((line) => listener.log("stdout", line));
    const stderr = new LineSplitter((line) => listener.log("stderr", line));
    listener.started(workerId);
    try {
      const result = await this.#manager.executeCode(
        source,
        {
          ...given,
          language,
          signal,
          ...(request.trace === undefined ? undefined : { env: { ...traceVariables(request.trace), ...given.env } }),
          ...(Object.keys(request.inputs).length === 0 ? undefined : { inputs: request.inputs }),
          onStdout: (chunk) => stdout.push(chunk),
          onStderr: (chunk) => stderr.push(chunk),
        },
        configOf(request),
      );
      stdout.end();
      stderr.end();
      this.#noteEnforcement(result);
      listener.noted({ sandbox: { backend: result.backend, start: result.warm ? "warm" : "cold" } });
      if (signal.aborted) listener.stopped(result.resourceUsage);
      else if (result.success)
        listener.succeeded(output === "result" ? result : outputOf(result), result.resourceUsage);
      else listener.failed({ error: result.error!, reason: reasonOf(result), usage: result.resourceUsage });
    } catch (thrown) {
      if (signal.aborted) listener.stopped();
      else listener.failed(refusal(thrown));
    }
  }

  #noteEnforcement(result: SandboxExecutionResult): void {
    for (const { limit, by, detail } of result.enforcement) {
      if (limit !== "memoryLimit" && limit !== "cpuQuota") continue;
      const named = limit === "memoryLimit" ? "memory" : "cpu";
      this.#held.set(named, { limit: named, by, ...(detail === undefined ? undefined : { detail }) });
    }
  }
}

export { codeProblems };

/** What a piece of code would run with, for the key under which its result is cached. */
export function describeCode({ language, sandbox }: CodeWork<never, unknown>): Promise<unknown> {
  return describePlace(language, sandbox);
}

/** The sandbox's limits; what the task declares to hold is the limit of what it may take, where nothing else is said. */
function configOf({ work, memoryBytes, cpuCores }: AttemptRequest): SandboxConfig {
  return {
    ...(memoryBytes === undefined ? undefined : { memoryLimit: memoryBytes }),
    ...(cpuCores === undefined
      ? undefined
      : { cpuQuota: Math.max(1000, Math.round(cpuCores * microsecondsPerPeriod)) }),
    ...(work as CodeWork).sandbox,
  };
}

function outputOf(result: SandboxExecutionResult): unknown {
  return result.value === undefined ? result.output : result.value;
}

function reasonOf({ verdict, exitCode }: SandboxExecutionResult): FailureReason {
  return { kind: "sandbox", verdict, exitCode };
}

/** Nothing ran: what was asked for cannot be had, and asking again will not help. */
function refusal(thrown: unknown): { error: Error; reason: FailureReason; retryable: boolean } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const passing = error instanceof OrchestratorError && error.code === "SANDBOX_FAILURE";
  return { error, reason: { kind: "sandbox", verdict: "sandbox-failure" }, retryable: passing };
}
