/**
 * From what was observed outside of a sandbox to a verdict of the closed set and the words for a person. Pure.
 *
 * Success rests on outside facts alone: how the first process ended, and that no limit ended it. What the driver
 * reports from inside (an exception's class and text) only describes a run that has failed anyway, because code that
 * nobody trusts may have written it.
 */
import type { SandboxVerdict } from "../model/sandbox.js";
import { formatBytes, formatDurationMs } from "../model/units.js";
import type { ResolvedLimits } from "./config.js";

/** Everything that a verdict rests on. */
export interface RunFacts {
  /** The sandbox could not be made or broke by itself. */
  readonly failure?: string | undefined;
  /** Why the supervisor ended the run, where it did: the first reason alone. */
  readonly ended?: "deadline" | "output" | "abort" | "memory" | undefined;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly oomKills: number;
  readonly processLimitHits: number;
  /** Whether the writable folders had no block or no inode left at the end. */
  readonly diskFull: boolean;
  readonly peakBytes?: number | undefined;
  /** What the driver reported of a failed run. */
  readonly reported?: ReportedError | undefined;
  /** Text of the last line on standard error, for a failure that nobody reported. */
  readonly lastWords?: string | undefined;
}

/** An error as the driver inside described it: untrusted words. */
export interface ReportedError {
  readonly type: string;
  readonly message: string;
  readonly traceback?: string | undefined;
  readonly line?: number | undefined;
}

export interface Judgement {
  readonly verdict: SandboxVerdict;
  /** What happened, for a person; absent where the verdict is `ok`. */
  readonly message?: string;
}

export function judge(facts: RunFacts, limits: ResolvedLimits): Judgement {
  if (facts.failure !== undefined)
    return { verdict: "sandbox-failure", message: `the sandbox failed: ${facts.failure}` };
  return endedBySupervisor(facts, limits) ?? endedByItself(facts, limits);
}

function endedBySupervisor(facts: RunFacts, limits: ResolvedLimits): Judgement | undefined {
  switch (facts.ended) {
    case "abort":
      return { verdict: "killed", message: "the run was aborted by its caller" };
    case "output":
      return {
        verdict: "output-limit",
        message: `the run wrote more than its output limit of ${formatBytes(limits.outputBytes)} and was stopped`,
      };
    case "memory":
      return memoryLimit(facts, limits);
    case "deadline": {
      const time = formatDurationMs(limits.timeMs);
      return { verdict: "timeout", message: `the run was stopped at its time limit of ${time}${alsoHit(facts)}` };
    }
    case undefined:
      return undefined;
  }
}

function endedByItself(facts: RunFacts, limits: ResolvedLimits): Judgement {
  if (facts.exitCode === 0) return { verdict: "ok" };
  if (facts.oomKills > 0) return memoryLimit(facts, limits);
  if (facts.reported?.type === "MemoryError") return memoryLimit(facts, limits);
  if (facts.signal === "SIGXFSZ") {
    const size = formatBytes(limits.fileSizeBytes);
    return { verdict: "disk-limit", message: `a file grew beyond the file size limit of ${size}` };
  }
  if (facts.diskFull || isDiskError(facts)) {
    const [size, inodes] = [formatBytes(limits.diskBytes), limits.inodes];
    return {
      verdict: "disk-limit",
      message: `the run failed with its disk limit of ${size} and ${inodes} files used up${quote(facts)}`,
    };
  }
  if (facts.processLimitHits > 0)
    return {
      verdict: "process-limit",
      message: `the run failed after it was refused more than its limit of ${limits.processes} processes${quote(facts)}`,
    };
  if (facts.signal !== null) return { verdict: "killed", message: signalMessage(facts.signal) };
  return { verdict: "error", message: errorMessage(facts) };
}

function memoryLimit(facts: RunFacts, limits: ResolvedLimits): Judgement {
  const peak = facts.peakBytes === undefined ? "" : ` (peak ${formatBytes(facts.peakBytes)})`;
  const limit = formatBytes(limits.memoryBytes);
  return { verdict: "memory-limit", message: `the run needed more than its memory limit of ${limit}${peak}` };
}

/** ENOSPC and EFBIG as Python, Node and the coreutils write them. */
const diskErrors = /\[Errno (?:28|27)\]|\b(?:ENOSPC|EFBIG)\b|No space left on device|File too large/;

function isDiskError(facts: RunFacts): boolean {
  return diskErrors.test(facts.reported?.message ?? facts.lastWords ?? "");
}

function alsoHit(facts: RunFacts): string {
  if (facts.oomKills > 0) return `, after its memory limit had ended ${facts.oomKills} of its processes`;
  if (facts.processLimitHits > 0) return ", after it had been refused more processes than its limit";
  return "";
}

function quote(facts: RunFacts): string {
  const words = facts.reported?.message ?? facts.lastWords ?? "";
  return words === "" ? "" : `: ${shorten(words)}`;
}

const signalMeanings: Readonly<Record<string, string>> = {
  SIGSYS: "a system call that the sandbox never allows",
  SIGSEGV: "it touched memory that is not its own",
  SIGBUS: "it touched memory that has nothing behind it",
  SIGABRT: "it gave itself up",
  SIGFPE: "an arithmetic error",
  SIGILL: "an illegal instruction",
  SIGXCPU: "it used up its CPU time",
};

function signalMessage(signal: string): string {
  const meaning = signalMeanings[signal];
  return `the code was ended by ${signal}${meaning === undefined ? "" : `: ${meaning}`}`;
}

function errorMessage(facts: RunFacts): string {
  if (facts.reported !== undefined) return shorten(facts.reported.message);
  const code = `the code exited with ${facts.exitCode}`;
  return facts.lastWords === undefined || facts.lastWords === "" ? code : `${code}: ${shorten(facts.lastWords)}`;
}

function shorten(text: string): string {
  return text.length > 2000 ? `${text.slice(0, 2000)}...` : text;
}
