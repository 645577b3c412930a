/** What is wrong with a pipeline file, where, and the piece of the file that shows it. */
import { OrchestratorError, type Problem } from "../model/error.js";

/** A place in a file: characters from `start` up to `end`. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** One thing that is wrong with a pipeline file. */
export interface PipelineProblem extends Problem {
  /** From 1; 0 where the problem has no place in the text. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The lines around it, with a caret under the place; empty where the problem has no place. */
  readonly frame: string;
}

/** A pipeline file, or what was given to it, that cannot run; all that is wrong at once in `problems`. `code` is `INVALID_PIPELINE`. */
export class PipelineError extends OrchestratorError {
  /** The file as it was named by the caller. */
  readonly file: string;
  /** Everything that is wrong, each with its line and column. */
  readonly problems: readonly PipelineProblem[];

  constructor(file: string, problems: readonly PipelineProblem[]) {
    super("INVALID_PIPELINE", formatProblems(file, problems));
    this.name = "PipelineError";
    this.file = file;
    this.problems = problems;
  }
}

/** How a problem's parts are dressed; `cli/render` gives colours. */
export interface ProblemStyle {
  readonly place: (text: string) => string;
  readonly message: (text: string) => string;
  readonly frame: (text: string) => string;
}

const plainStyle: ProblemStyle = { place: (text) => text, message: (text) => text, frame: (text) => text };

/** The problems as people read them, in the order of the file. */
export function formatProblems(file: string, problems: readonly PipelineProblem[], style = plainStyle): string {
  const blocks = problems.map((problem) => {
    const place = problem.line === 0 ? file : `${file}:${problem.line}:${problem.column}`;
    const where = problem.where === "" ? "" : `${problem.where}: `;
    const head = `${style.place(place)}\n  ${style.message(`${where}${problem.message}`)}`;
    return problem.frame === "" ? head : `${head}\n\n${style.frame(problem.frame)}\n`;
  });
  if (problems.length > 1) blocks.push(`${problems.length} problems in ${file}`);
  return blocks.join("\n");
}

const linesBefore = 2;
const linesAfter = 1;
const widestLine = 120;

/** Line and column of an offset, both from 1, found in `lineStarts` (offsets of the first character of each line). */
export function positionOf(lineStarts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 };
}

/** The lines around `range`, numbered, with a caret under its first line's part. */
export function codeFrame(text: string, lineStarts: readonly number[], range: SourceRange): string {
  const { line, column } = positionOf(lineStarts, range.start);
  const first = Math.max(1, line - linesBefore);
  const lines = text.endsWith("\n") ? lineStarts.length - 1 : lineStarts.length;
  const last = Math.max(line, Math.min(lines, line + linesAfter));
  const width = String(last).length;
  const rows: string[] = [];
  for (let number = first; number <= last; number++) {
    const content = lineText(text, lineStarts, number);
    const window =
      number === line ? windowAround(content, column - 1) : { text: content.slice(0, widestLine), from: 0 };
    const marker = number === line ? ">" : " ";
    rows.push(`${marker} ${String(number).padStart(width)} | ${window.text}`.trimEnd());
    if (number !== line) continue;
    const length = Math.max(1, Math.min(range.end - range.start, content.length - (column - 1)));
    const lead = window.text.slice(0, column - 1 - window.from).replace(/[^\t]/g, " ");
    rows.push(`  ${" ".repeat(width)} | ${lead}${"^".repeat(Math.min(length, widestLine - lead.length))}`);
  }
  return rows.join("\n");
}

function lineText(text: string, lineStarts: readonly number[], line: number): string {
  const end = lineStarts[line] ?? text.length;
  const content = text.slice(lineStarts[line - 1], end).replace(/[\r\n]+$/, "");
  // A hostile file must not drive the terminal that shows it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return content.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}

/** A long line is cut to the part around the place. */
function windowAround(line: string, at: number): { text: string; from: number } {
  if (line.length <= widestLine) return { text: line, from: 0 };
  const from = Math.max(0, Math.min(at - widestLine / 2, line.length - widestLine));
  return { text: line.slice(from, from + widestLine), from };
}

/** Offsets of the first character of each line. */
export function findLineStarts(text: string): number[] {
  const starts = [0];
  for (let offset = text.indexOf("\n"); offset !== -1; offset = text.indexOf("\n", offset + 1)) starts.push(offset + 1);
  return starts;
}
