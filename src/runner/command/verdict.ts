/** What the end of a command means. Pure: the exit, the output and the kernel's counts in, the attempt's result out. */
import type { ContainedEnd, ProcessExit } from "../../host/contained-process.js";
import { OrchestratorError } from "../../model/error.js";
import type { ResourceUsage } from "../../model/result.js";
import { formatBytes } from "../../model/units.js";
import type { CommandOutput, CommandWork } from "../../model/work.js";
import type { AttemptFailure } from "../../port/runner.js";
import type { CheckedCommand } from "./options.js";
import type { CapturedOutput } from "./output.js";

export interface CommandEnd {
  readonly exit: ProcessExit;
  readonly contained: ContainedEnd;
  readonly stdout: CapturedOutput;
  readonly stderr: CapturedOutput;
}

export interface VerdictFacts {
  readonly outputLimitReached: boolean;
  readonly memoryLimitBytes: number | undefined;
}

/** Bytes of standard error that a failure quotes. */
const tailBytes = 4096;

/** Why the command failed; `undefined` where it did not. */
export function commandFailure(
  work: CommandWork,
  options: CheckedCommand,
  { exit, contained, stdout, stderr }: CommandEnd,
  { outputLimitReached, memoryLimitBytes }: VerdictFacts,
): AttemptFailure | undefined {
  const name = quoteCommand(work.argv);
  if (outputLimitReached) {
    const stream = stdout.truncated ? "standard output" : "standard error";
    return {
      error: new OrchestratorError(
        "OUTPUT_LIMIT",
        `${name} wrote more than ${formatBytes(options.maximumBytes)} to its ${stream}; ` +
          'raise maxOutput, or set onOutputLimit to "truncate"',
      ),
      reason: { kind: "output-limit", limitBytes: options.maximumBytes },
    };
  }
  const tail = stderr.tail(tailBytes);
  const told = tail.trim() === "" ? "" : `\n${tail.trimEnd()}`;
  // Even where the exit code is a success: a shell says nothing of a member of a pipe that was killed, and its output is wrong.
  if (contained.oomKills > 0) {
    const limit = memoryLimitBytes === undefined ? "" : ` of ${formatBytes(memoryLimitBytes)}`;
    const peakBytes = contained.usage?.peakBytes;
    return {
      error: new OrchestratorError("COMMAND_FAILED", `${name} went over its memory limit${limit}${told}`),
      reason: {
        kind: "memory-limit",
        ...(memoryLimitBytes === undefined ? {} : { limitBytes: memoryLimitBytes }),
        ...(peakBytes === undefined ? {} : { peakBytes }),
      },
    };
  }
  if (exit.exitCode !== null && options.successCodes.includes(exit.exitCode)) return undefined;
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `killed by ${exit.signal}`;
  return {
    error: new OrchestratorError("COMMAND_FAILED", `${name} failed: ${how}${told}`),
    reason: { kind: "exit-code", exitCode: exit.exitCode, signal: exit.signal, stderr: tail },
  };
}

export type OutputValue =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** The task's output, in the form that was asked for. */
export function outputOf(options: CheckedCommand, { exit, stdout, stderr }: CommandEnd): OutputValue {
  const text = stdout.text();
  switch (options.output) {
    case "text":
      return { ok: true, value: text.replace(/\r?\n$/, "") };
    case "json":
      try {
        return { ok: true, value: JSON.parse(text) };
      } catch (cause) {
        const start = text.length > 200 ? `${text.slice(0, 200)}...` : text;
        const message = `the command's standard output is no JSON: ${(cause as Error).message}; it begins: ${JSON.stringify(start)}`;
        return { ok: false, error: new OrchestratorError("COMMAND_FAILED", message, { cause }) };
      }
    case "result": {
      const value: CommandOutput = {
        exitCode: exit.exitCode!,
        stdout: text,
        stderr: stderr.text(),
        truncated: stdout.truncated || stderr.truncated,
      };
      return { ok: true, value };
    }
  }
}

export function usageOf({ usage }: ContainedEnd): ResourceUsage | undefined {
  return usage === undefined || (usage.cpuSeconds === undefined && usage.peakBytes === undefined) ? undefined : usage;
}

function quoteCommand(argv: readonly string[]): string {
  const words = argv.map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : JSON.stringify(word)));
  const line = words.join(" ");
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
