/** What a suite leaves, as data (`results/<suite>.json`) and as text (`RESULTS.md`, made anew from all of them). */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Machine } from "./machine.js";

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

/** A figure beside what it should be. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

export interface Report {
  readonly suite: string;
  /** Where its section stands in `RESULTS.md`. */
  readonly order: number;
  readonly title: string;
  /** How it was measured. */
  readonly method: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
}

const folder = new URL("../../results/", import.meta.url);

export function saveReport(report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${report.suite}.json`, folder), `${JSON.stringify(report, undefined, 2)}\n`);
}

export function writeResults(): void {
  const reports = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Report)
    .sort((a, b) => a.order - b.order);
  const parts = [
    "# Results",
    "Made by `npm run bench`; do not edit. Peers and this package were measured in the same run on the same machine: trust the ratios rather than the figures.",
    ...reports.map(sectionOf),
  ];
  writeFileSync(new URL("../../RESULTS.md", import.meta.url), `${parts.join("\n\n")}\n`);
}

export function sectionOf(report: Report): string {
  const { machine } = report;
  const parts = [
    `## ${report.title}`,
    report.method,
    `${machine.date}, Node ${machine.node}, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.system}; took ${Math.round(report.seconds)} s.`,
  ];
  if (report.goals.length > 0) {
    const rows = report.goals.map(({ what, goal, measured, met }) => [what, goal, measured, met ? "yes" : "no"]);
    parts.push(tableOf(["what", "goal", "measured", "met"], rows));
  }
  for (const { title, head, rows, note } of report.tables) {
    parts.push(`### ${title}`, tableOf(head, rows));
    if (note) parts.push(note);
  }
  return parts.join("\n\n");
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
