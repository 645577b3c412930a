/** Errors for people: what is wrong and where, without a stack unless it is a fault of this program. */
import { type ErrorCode, InvalidGraphError, InvalidOptionError, OrchestratorError } from "../model/error.js";
import { type ExitCode, exitCode, UsageError } from "./exit-code.js";
import { makeStyle, type Style } from "./render/style.js";

/** Prints an error on standard error; gives the exit code that it stands for. */
export function reportError(error: unknown): ExitCode {
  const style = makeStyle(process.stderr);
  process.stderr.write(`${describeError(error, style)}\n`);
  return isBadInput(error) ? exitCode.badInput : exitCode.failed;
}

/** Errors of the engine that what was given is to blame for. */
const badInputCodes: ReadonlySet<unknown> = new Set([
  "INVALID_OPTION",
  "INVALID_GRAPH",
  "INVALID_PIPELINE",
  "UNSUPPORTED_MODE",
  "UNSUPPORTED_LIMIT",
  "PACKAGE_NOT_FOUND",
  "JOURNAL_EXISTS",
  "JOURNAL_NOT_FOUND",
] satisfies ErrorCode[]);

function isBadInput(error: unknown): boolean {
  return error instanceof UsageError || badInputCodes.has(codeOf(error));
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

function describeError(error: unknown, style: Style): string {
  if (codeOf(error) === "INVALID_PIPELINE") return describePipelineError(error as PipelineErrorShape, style);
  if (error instanceof InvalidOptionError || error instanceof InvalidGraphError)
    return error.problems.map(({ where, message }) => `${style.error("error:")} ${where}: ${message}`).join("\n");
  const isToldWhole = isBadInput(error) || (error instanceof OrchestratorError && error.code !== "INTERNAL");
  if (isToldWhole) return `${style.error("error:")} ${(error as Error).message}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${style.error("error:")} this should not have happened; please report it with what follows\n${detail}`;
}

/** The error is known by its code, so that the pipeline's code need not be loaded to report another. */
interface PipelineErrorShape {
  readonly file: string;
  readonly problems: readonly {
    readonly where: string;
    readonly message: string;
    readonly line: number;
    readonly column: number;
    readonly frame: string;
  }[];
}

/** The problems of a pipeline file, in colour. */
export function describePipelineError({ file, problems }: PipelineErrorShape, style: Style): string {
  const blocks = problems.map(({ where, message, line, column, frame }) => {
    const place = line === 0 ? file : `${file}:${line}:${column}`;
    const head = `${style.error("error:")} ${where === "" ? "" : `${style.bold(where)}: `}${message}\n  ${style.dim("at")} ${style.place(place)}`;
    return frame === "" ? head : `${head}\n\n${colourFrame(frame, style)}\n`;
  });
  if (problems.length > 1) blocks.push(style.bold(`${problems.length} problems in ${file}`));
  return blocks.join("\n");
}

function colourFrame(frame: string, style: Style): string {
  return frame
    .split("\n")
    .map((row) => {
      if (/^ +\| *\^+$/.test(row.replaceAll("\t", " "))) return row.replace(/\^+/, (carets) => style.error(carets));
      return row.startsWith(">") ? `${style.error(">")}${row.slice(1)}` : style.dim(row);
    })
    .join("\n");
}
