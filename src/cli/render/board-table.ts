/** All tasks of a run in a table that is drawn again and again: trouble first, then what moves, as on the page. */
import type { RunModel } from "../../dashboard/model/run-model.js";
import { stateCode, stateWords, urgency } from "../../dashboard/protocol.js";
import { legend, markOf, noteOf, paintState, ran, type Scene, stateOf } from "./board.js";
import { harmless } from "./style.js";
import { seconds } from "./task-lines.js";

const widestTask = 32;

/** @returns at most `rows` lines */
export function drawTable(scene: Scene): string[] {
  const { model, style, rows } = scene;
  const shown = mostUrgent(model, rows - 1);
  const hidden = model.tasks.size - shown.length;
  if (hidden > 0) shown.pop();
  const width = Math.min(widestTask, Math.max(4, ...shown.map((task) => model.tasks.ids[task]!.length)));
  const workers = Math.max(6, ...shown.map((task) => workerOf(model, task).length));
  const title = `  ${"state".padEnd(10)} ${"task".padEnd(width)} ${"waited".padStart(8)} ${"ran".padStart(8)}  ${"worker".padEnd(workers)}  why`;
  const lines = [style.dim(title), ...shown.map((task) => lineOf(scene, task, width, workers))];
  if (hidden > 0) lines.push(`  ${style.dim("and")} ${legend(countsWithout(model, shown), style)}`);
  return lines;
}

function lineOf({ model, style, now }: Scene, task: number, width: number, workers: number): string {
  const state = stateOf(model, task);
  const attempts = model.tasks.attempts[task]!;
  const took = ran(model, task, now);
  const waited = waitedFor(model, task, now);
  const note = [attempts > 1 ? `attempt ${attempts}` : "", noteOf(model, task)]
    .filter((part) => part !== "")
    .join(": ");
  const cells = [
    paintState(state, stateWords[state].padEnd(10), style),
    cutText(harmless(model.tasks.ids[task]!), width).padEnd(width),
    style.dim((waited === undefined ? "" : seconds(waited)).padStart(8)),
    (took === undefined ? "" : seconds(took)).padStart(8),
  ];
  return `${markOf(state, style)} ${cells.join(" ")}  ${style.dim(workerOf(model, task).padEnd(workers))}  ${note}`.trimEnd();
}

/** The tasks by urgency and number, as many as there is room for; found without sorting all of them. */
function mostUrgent({ tasks }: RunModel, most: number): number[] {
  const byUrgency: number[][] = urgency.map(() => []);
  for (let task = 0; task < tasks.size; task++) {
    const list = byUrgency[urgency[tasks.state[task]!]!]!;
    if (list.length < most) list.push(task);
  }
  return byUrgency.flat().slice(0, most);
}

function countsWithout({ counts, tasks }: RunModel, shown: readonly number[]): number[] {
  const left = [...counts];
  for (const task of shown) left[tasks.state[task]!]!--;
  return left;
}

function waitedFor({ tasks, startedAt }: RunModel, task: number, now: number): number | undefined {
  const ready = tasks.readyAt[task]!;
  const started = tasks.startedAt[task]!;
  if (ready < 0) return undefined;
  if (started < 0) return tasks.state[task] === stateCode.ready ? now - startedAt - ready : undefined;
  return tasks.attempts[task]! > 1 ? undefined : Math.max(0, started - ready);
}

function workerOf({ workers, tasks }: RunModel, task: number): string {
  return harmless(workers.texts[tasks.worker[task]!] ?? "");
}

export function cutText(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`;
}
