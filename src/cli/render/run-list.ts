/** Journalled runs as a table for people. */
import type { JournalledRun } from "../../journal/read-journal.js";
import type { ListedRun } from "../../journal/run-folders.js";
import { formatDurationMs } from "../../model/units.js";
import { aboutPipeline } from "../journal-flags.js";
import { harmless, type Style } from "./style.js";

const titles = ["run", "name", "status", "done", "started", "took", ""];

export function listLines(runs: readonly ListedRun[], style: Style): string[] {
  const rows = runs.map((listed) => (listed.run === undefined ? brokenRow(listed) : rowOf(listed.run)));
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], paint: (text: string, column: number) => string): string =>
    cells
      .map((cell, column) => paint(cell.padEnd(widths[column]!), column))
      .join("  ")
      .trimEnd();
  return [
    line(titles, style.dim),
    ...rows.map((row, place) => line(row, (text, column) => paintCell(text, column, runs[place]!, style))),
  ];
}

function rowOf(run: JournalledRun): string[] {
  const { runId, status, startedAt, lastAt, resumes, counts, taskCount, holder } = run;
  const ended = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const notes = [
    ...(resumes > 0 ? [`resumed ${resumes === 1 ? "once" : `${resumes} times`}`] : []),
    ...(holder === undefined ? [] : [`process ${holder.pid} on ${holder.host}`]),
  ];
  return [
    harmless(runId),
    harmless(aboutPipeline(run)?.name ?? run.graph),
    status,
    `${ended}/${taskCount}`,
    new Date(startedAt).toISOString().replace("T", " ").slice(0, 19),
    formatDurationMs(lastAt - startedAt),
    notes.join(", "),
  ];
}

function brokenRow({ runId, error }: ListedRun): string[] {
  return [harmless(runId), "", "unreadable", "", "", "", harmless(error!.message)];
}

function paintCell(text: string, column: number, { run }: ListedRun, style: Style): string {
  if (column !== 2) return column > 2 ? style.dim(text) : text;
  if (run === undefined || run.status === "failed") return style.error(text);
  if (run.status === "succeeded") return style.good(text);
  return run.status === "running" ? style.accent(text) : style.warning(text);
}
