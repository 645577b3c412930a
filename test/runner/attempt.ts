/** Runs one attempt on a runner and records all that it tells. */
import type { FailureReason, ResourceUsage } from "#src/model/result.js";
import type { DescribedWork, Inputs } from "#src/model/work.js";
import type { AttemptControl, AttemptRequest, Runner } from "#src/port/runner.js";
import { eventually } from "./outside.js";

export type Ended =
  | { readonly end: "succeeded"; readonly output: unknown; readonly usage: ResourceUsage | undefined }
  | {
      readonly end: "failed";
      readonly error: Error;
      readonly reason: FailureReason;
      readonly retryable: boolean | undefined;
      readonly usage: ResourceUsage | undefined;
    }
  | { readonly end: "lost"; readonly error: Error }
  | { readonly end: "stopped"; readonly usage: ResourceUsage | undefined };

export interface Recorded {
  readonly control: AttemptControl;
  readonly started: Promise<string>;
  readonly ended: Promise<Ended>;
  /** All reports in order: `"started thread-1"`, `"log first"`, `"progress 0.5"`, `"succeeded"`. */
  readonly story: string[];
}

let count = 0;

export function attempt(
  runner: Runner,
  work: DescribedWork,
  inputs: Inputs = {},
  more: Partial<AttemptRequest> = {},
  onLog: () => void = () => undefined,
): Recorded {
  const story: string[] = [];
  let tellStarted!: (workerId: string) => void;
  let tellEnd!: (ended: Ended) => void;
  const started = new Promise<string>((resolve) => {
    tellStarted = resolve;
  });
  const ended = new Promise<Ended>((resolve) => {
    tellEnd = resolve;
  });
  const over = (result: Ended) => {
    story.push(result.end);
    tellEnd(result);
  };
  const request: AttemptRequest = {
    runId: "run-1",
    taskId: `task-${++count}`,
    name: "task",
    attempt: 1,
    work,
    inputs,
    timeoutMs: undefined,
    memoryBytes: undefined,
    cpuCores: undefined,
    ...more,
  };
  const control = runner.start(request, {
    started(workerId) {
      story.push(`started ${workerId}`);
      tellStarted(workerId);
    },
    progress: (value) => void story.push(`progress ${JSON.stringify(value)}`),
    log(stream, text) {
      story.push(`${stream} ${text}`);
      onLog();
    },
    noted: (facts) => void story.push(`noted ${JSON.stringify(facts)}`),
    succeeded: (output, usage) => over({ end: "succeeded", output, usage }),
    failed: ({ error, reason, retryable, usage }) => over({ end: "failed", error, reason, retryable, usage }),
    lost: (error) => over({ end: "lost", error }),
    stopped: (usage) => over({ end: "stopped", usage }),
  });
  return { control, started, ended, story };
}

/** Resolves when the attempt's code runs, which those that do not end by themselves tell by a line in their log. */
export async function begun(recorded: Recorded): Promise<void> {
  await eventually(() => recorded.story.includes("log begun"), "the attempt's code runs");
}

/** The output of an attempt that must succeed. */
export async function outputOf({ ended }: Recorded): Promise<unknown> {
  const result = await ended;
  if (result.end === "succeeded") return result.output;
  throw new Error(`the attempt did not succeed: ${result.end}`, {
    cause: "error" in result ? result.error : undefined,
  });
}

/** The failure of an attempt that must fail. */
export async function failureOf({ ended }: Recorded): Promise<Extract<Ended, { end: "failed" }>> {
  const result = await ended;
  if (result.end === "failed") return result;
  throw new Error(`the attempt did not fail: ${JSON.stringify(result)}`);
}

/** Holds this process up, as a loaded machine does. */
export function holdUp(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
