/** Facts of an attempt and reasons of an end, in words for a reader. */
import { assertNever } from "../../model/error.js";
import type { AttemptEndedEvent } from "../../model/event.js";
import type { FailureReason } from "../../model/result.js";
import { formatBytes, formatDurationMs } from "../../model/units.js";
import { duration } from "../duration.js";
import { cut, firstLine } from "./text.js";

export function attemptFacts({ resourceUsage, facts, reason }: AttemptEndedEvent): (readonly [string, string])[] {
  const told: [string, string][] = [];
  if (resourceUsage?.cpuSeconds !== undefined) told.push(["CPU", duration(resourceUsage.cpuSeconds * 1000)]);
  if (resourceUsage?.peakBytes !== undefined) told.push(["peak memory", formatBytes(resourceUsage.peakBytes)]);
  if (facts?.cache !== undefined) told.push(["cache", facts.cache]);
  if (facts?.batch !== undefined) told.push(["batch", `${facts.batch.size} of at most ${facts.batch.limit}`]);
  if (facts?.sandbox !== undefined) told.push(["sandbox", `${facts.sandbox.backend}, ${facts.sandbox.start} start`]);
  if (facts?.host !== undefined) told.push(["machine", cut(facts.host, 200)]);
  if (reason !== undefined) told.push(["reason", describeReason(reason)]);
  return told;
}

export function describeReason(reason: FailureReason): string {
  switch (reason.kind) {
    case "error":
      return "its own code threw";
    case "timeout":
      return `${reason.scope === "attempt" ? "timeout of an attempt" : "total timeout"}: ${formatDurationMs(reason.limitSeconds * 1000)}`;
    case "cancelled":
      return `cancelled by ${reason.by === "caller" ? "request" : reason.by}`;
    case "dependency":
      return cut(`"${reason.taskId}" ${reason.status}, because of "${reason.rootTaskId}"`, 1200);
    case "condition":
      return cut(`its condition said no${reason.detail === undefined ? "" : `: ${reason.detail}`}`, 500);
    case "trigger":
      return "nothing before it failed";
    case "exit-code":
      return reason.signal === null ? `exit code ${reason.exitCode}` : `ended by ${reason.signal}`;
    case "memory-limit":
      return `memory limit${reason.limitBytes === undefined ? "" : ` of ${formatBytes(reason.limitBytes)}`}`;
    case "output-limit":
      return `output limit of ${formatBytes(reason.limitBytes)}`;
    case "worker-exited":
      return `its worker ended: ${reason.signal ?? `exit code ${reason.exitCode}`}`;
    case "worker-lost":
      return "its worker was lost";
    case "module-not-loaded":
      return cut(`module not loaded: ${reason.module}`, 500);
    case "not-serialisable":
      return "a value that cannot be handed over";
    case "loop-limit":
      return `loop limit of ${reason.iterations} iterations`;
    case "child-failed":
      return `${reason.taskIds.length} of its tasks did not succeed`;
    case "sandbox":
      return `sandbox: ${reason.verdict}`;
    default:
      return assertNever(reason);
  }
}

/**
 * Why an attempt failed, in one line. What a command wrote last says more than the command line that its message begins
 * with.
 */
export function noteOf({ message }: Error, reason: FailureReason | undefined, taskId: string): string {
  if (reason?.kind !== "exit-code") return firstLine(message, taskId);
  const [, ...written] = message.trimEnd().split("\n");
  const last = written.at(-1)?.trim() ?? "";
  return cut(last === "" ? describeReason(reason) : `${last} (${describeReason(reason)})`, 200);
}
