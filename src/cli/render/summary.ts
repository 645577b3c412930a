/** What a run did, told when it is over: a table of its tasks, every failure with its cause, and what it gave. */
import type { ExecutionResult, TaskStatus } from "../../model/result.js";
import { formatBytes } from "../../model/units.js";
import { harmless, type Style } from "./style.js";
import { paintStatus, seconds, statusMarks, withoutTask } from "./task-lines.js";

export interface SummaryInput {
  readonly name: string;
  readonly results: ReadonlyMap<string, ExecutionResult>;
  /** The task that added a task, by the id of the added one. */
  readonly parents: ReadonlyMap<string, string>;
  /** Seconds. */
  readonly duration: number;
  readonly interrupted: boolean;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly missingOutputs: Readonly<Record<string, string>>;
  /** Tasks whose failure does not count. */
  readonly allowedFailures: ReadonlySet<string>;
}

/** Beyond so many tasks the table has those alone that did not succeed, and the slowest. */
const wholeTable = 40;
const slowest = 10;

export function summarise(input: SummaryInput, style: Style, quiet: boolean): string {
  const parts = quiet ? [] : [table(input, style)];
  const failures = failureBlocks(input, style);
  if (failures !== "") parts.push(failures);
  const outputs = outputLines(input, style);
  if (outputs !== "") parts.push(outputs);
  parts.push(verdict(input, style));
  return `${parts.join("\n\n")}\n`;
}

function table(input: SummaryInput, style: Style): string {
  const rows = chooseRows(input);
  const cells = rows.map((result) => ({ result, cells: cellsOf(result, input) }));
  const titles = ["task", "status", "waited", "ran", "worker", "used"];
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row.cells[column]!.length)),
  );
  const used = titles.map((_, column) => column === 0 || cells.some((row) => row.cells[column] !== ""));
  const line = (values: readonly string[], paint: (text: string, column: number) => string) =>
    values
      .map((value, column) => paint(pad(value, widths[column]!, column === 2 || column === 3), column))
      .filter((_, column) => used[column])
      .join("  ")
      .trimEnd();
  const body = cells.map(
    ({ result, cells: row }) =>
      `${paintStatus(result.status, statusMarks[result.status], style)} ${line(row, (text, column) => (column === 1 ? paintStatus(result.status, text, style) : column > 1 ? style.dim(text) : text))}`,
  );
  const left = topLevel(input).length - rows.length;
  if (left > 0) body.push(style.dim(`  and ${left} more that succeeded`));
  return [`  ${line(titles, (text) => style.dim(text))}`, ...body].join("\n");
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

function topLevel({ results, parents }: SummaryInput): ExecutionResult[] {
  return [...results.values()].filter(({ taskId }) => !parents.has(taskId));
}

function chooseRows(input: SummaryInput): ExecutionResult[] {
  const all = topLevel(input);
  if (all.length <= wholeTable) return all;
  const slow = new Set(
    [...all]
      .sort((left, right) => right.executionTime - left.executionTime)
      .slice(0, slowest)
      .map(({ taskId }) => taskId),
  );
  return all.filter(({ taskId, success }) => !success || slow.has(taskId)).slice(0, 200);
}

function cellsOf(result: ExecutionResult, { parents }: SummaryInput): string[] {
  const { taskId, attempts, queuedTime, executionTime, workerId, resourceUsage } = result;
  const children = [...parents.values()].filter((parent) => parent === taskId).length;
  const usage = [
    resourceUsage?.cpuSeconds === undefined ? "" : `${seconds(resourceUsage.cpuSeconds * 1000)} CPU`,
    resourceUsage?.peakBytes === undefined ? "" : formatBytes(resourceUsage.peakBytes),
  ];
  return [
    harmless(taskId),
    `${result.status}${attempts > 1 ? `, ${attempts} attempts` : ""}${children > 0 ? `, ${children} ${children === 1 ? "child" : "children"}` : ""}`,
    attempts === 0 ? "" : seconds(queuedTime * 1000),
    attempts === 0 ? "" : seconds(executionTime * 1000),
    workerId ?? "",
    usage.filter((part) => part !== "").join(", "),
  ];
}

function failureBlocks(input: SummaryInput, style: Style): string {
  const blocks: string[] = [];
  const skippedBy = new Map<string, string[]>();
  for (const result of input.results.values()) {
    if (result.success) continue;
    if (result.status === "skipped") {
      if (result.reason.kind === "dependency")
        skippedBy.set(result.reason.rootTaskId, [...(skippedBy.get(result.reason.rootTaskId) ?? []), result.taskId]);
      continue;
    }
    if (result.reason.kind === "child-failed" || result.status === "cancelled") continue;
    blocks.push(failureBlock(result.taskId, result.error, input, style));
  }
  for (const [root, skipped] of skippedBy)
    blocks.push(`  ${style.dim(`skipped because of ${root}:`)} ${listed(skipped)}`);
  return blocks.length === 0 ? "" : `${style.bold("What went wrong")}\n${blocks.join("\n")}`;
}

function listed(ids: readonly string[]): string {
  return ids.length <= 8 ? ids.join(", ") : `${ids.slice(0, 8).join(", ")} and ${ids.length - 8} more`;
}

const stderrLines = 12;

function failureBlock(taskId: string, error: Error, { allowedFailures }: SummaryInput, style: Style): string {
  const allowed = allowedFailures.has(taskId) ? style.dim(" (allowed)") : "";
  const lines = [
    `  ${style.error(statusMarks.failed)} ${style.bold(taskId)}${allowed}: ${indent(harmlessLines(withoutTask(error.message, taskId)))}`,
  ];
  for (let cause = error.cause, depth = 0; cause instanceof Error && depth < 4; cause = cause.cause, depth++)
    if (!error.message.includes(cause.message))
      lines.push(`      ${style.dim("because:")} ${indent(harmlessLines(cause.message))}`);
  const place = sourceLine(error);
  if (place !== undefined) lines.push(`      ${style.dim(place)}`);
  return lines.join("\n");
}

function harmlessLines(text: string): string {
  const lines = text.trimEnd().split("\n").map(harmless);
  return lines.length <= stderrLines + 1
    ? lines.join("\n")
    : [lines[0], "\u2026", ...lines.slice(-stderrLines)].join("\n");
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n      ");
}

/** Where the user's own code threw: the first frame of the stack outside of Node and of packages. */
function sourceLine(error: Error): string | undefined {
  if (error.name === "OrchestratorError" || error.name === "ExpressionError") return undefined;
  const frame = (error.stack ?? "")
    .split("\n")
    .find(
      (line) =>
        /^\s+at /.test(line) && !/node:|node_modules|[\\/]dist[\\/](executor|runner|pipeline|core)[\\/]/.test(line),
    );
  return frame === undefined ? undefined : harmless(frame.trim());
}

function outputLines({ outputs, missingOutputs }: SummaryInput, style: Style): string {
  const lines = Object.entries(outputs).map(([name, value]) => `  ${style.bold(name)}: ${describeOutput(value)}`);
  for (const [name, reason] of Object.entries(missingOutputs))
    lines.push(`  ${style.bold(name)}: ${style.dim(`missing: ${harmless(reason)}`)}`);
  return lines.length === 0 ? "" : `${style.bold("Outputs")}\n${lines.join("\n")}`;
}

function describeOutput(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  const line = harmless(text.trimEnd());
  return line.length > 500 ? `${line.slice(0, 499)}\u2026` : line;
}

function verdict(input: SummaryInput, style: Style): string {
  const order: readonly TaskStatus[] = ["failed", "timed-out", "cancelled", "skipped", "succeeded"];
  const results = [...input.results.values()];
  const told = order.flatMap((status) => {
    const those = results.filter((result) => result.status === status);
    if (those.length === 0) return [];
    const allowed = those.filter(({ taskId, success }) => !success && input.allowedFailures.has(taskId)).length;
    const note =
      status === "skipped" || allowed === 0 ? "" : ` (${allowed === those.length ? "" : `${allowed} `}allowed)`;
    return [paintStatus(status, `${those.length} ${status.replace("-", " ")}${note}`, style)];
  });
  const how = input.interrupted ? style.warning("interrupted: ") : "";
  return `${style.bold(input.name)}: ${how}${told.join(", ")} in ${seconds(input.duration * 1000)}`;
}
