/** What the views of a whole run on the terminal have in common: the lines at their top, and how a state is painted. */
import { glanceAt } from "../../dashboard/model/glance.js";
import type { RunModel } from "../../dashboard/model/run-model.js";
import {
  holdingTitles,
  stateCode,
  stateMarks,
  statesByUrgency,
  stateWords,
  type TaskStateName,
  taskStates,
} from "../../dashboard/protocol.js";
import { harmless, type Style } from "./style.js";
import { seconds } from "./task-lines.js";

/** A moment of a run, and what it is drawn on. */
export interface Scene {
  readonly model: RunModel;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly style: Style;
  /** Lines that there is room for. */
  readonly rows: number;
  readonly columns: number;
  /** Seconds that the run still takes, where anything is known. */
  readonly left: number | undefined;
}

/** Left to right along a bar: what is done, then what moves; the rest of it waits. */
const barOrder = ["succeeded", "failed", "timed-out", "cancelled", "skipped", "running", "retrying"] as const;

export function paintState(state: TaskStateName, text: string, style: Style): string {
  switch (state) {
    case "succeeded":
      return style.good(text);
    case "failed":
    case "timed-out":
    case "cancelled":
      return style.error(text);
    case "retrying":
      return style.warning(text);
    case "running":
      return style.accent(text);
    default:
      return style.dim(text);
  }
}

export function markOf(state: TaskStateName, style: Style): string {
  return paintState(state, stateMarks[state], style);
}

export function stateOf({ tasks }: RunModel, task: number): TaskStateName {
  return taskStates[tasks.state[task]!]!;
}

/** How the run stands, what the tasks do, and what holds the run back: two or three lines. */
export function headLines(scene: Scene): string[] {
  const { model, style } = scene;
  const lines = [titleLine(scene), legend(model.counts, style)];
  const { kind, sentence } = glanceAt(model, scene.now).holding;
  if (model.ended || kind === "nothing") return lines;
  const title = `${holdingTitles[kind]}:`;
  const [first, ...more] = wrapped(`${title} ${harmless(sentence)}`, scene.columns - 1);
  return [...lines, style.warning(title) + first!.slice(title.length), ...more.slice(0, 1)];
}

/** Broken at spaces. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function titleLine({ model, now, style, left, columns }: Scene): string {
  const { counts, tasks, state } = model;
  const failed = counts[stateCode.failed]! + counts[stateCode["timed-out"]]!;
  const done = counts.slice(stateCode.succeeded).reduce((sum, count) => sum + count, 0);
  const pill = state === "running" && failed > 0 ? `${state}, ${failed} failed` : state;
  const paint = failed > 0 ? style.error : state === "succeeded" ? style.good : style.accent;
  const parts = [
    style.bold(harmless(model.graph)),
    paint(pill),
    `${barOf(counts, tasks.size, Math.max(8, Math.min(30, columns - 60)), style)} ${done} of ${tasks.size}`,
    seconds((model.endedAt ?? now) - model.startedAt),
  ];
  if (left !== undefined && left >= 1 && !model.ended)
    parts.push(style.dim(`about ${seconds(Math.round(left) * 1000)} left`));
  return parts.join("  ");
}

export function barOf(counts: ArrayLike<number>, total: number, width: number, style: Style): string {
  let bar = "";
  let tasks = 0;
  let drawn = 0;
  for (const state of barOrder) {
    tasks += counts[stateCode[state]]!;
    const end = total === 0 ? 0 : Math.floor((tasks / total) * width);
    const moves = state === "running" || state === "retrying";
    bar += paintState(state, (moves ? "\u254d" : "\u2501").repeat(end - drawn), style);
    drawn = end;
  }
  return bar + style.dim("\u2500".repeat(width - drawn));
}

/** `✗ 2 failed  ▶ 1 running  ✓ 16 succeeded`: the states that there are. */
export function legend(counts: ArrayLike<number>, style: Style): string {
  return statesByUrgency
    .filter((state) => counts[stateCode[state]]! > 0)
    .map((state) => `${markOf(state, style)} ${counts[stateCode[state]]} ${style.dim(stateWords[state])}`)
    .join("  ");
}

/** Milliseconds that a task's last attempt ran, or runs; `undefined` where there was none. */
export function ran({ tasks, startedAt }: RunModel, task: number, now: number): number | undefined {
  const started = tasks.startedAt[task]!;
  if (started < 0) return undefined;
  const ended = tasks.endedAt[task]!;
  return Math.max(0, (ended < 0 ? now - startedAt : ended) - started);
}

/** Why a task did not succeed, or what it tells of itself while it runs. */
export function noteOf(model: RunModel, task: number): string {
  const state = stateOf(model, task);
  if (state === "running") return harmless(model.details.get(task)?.told ?? "");
  return harmless(model.notes.texts[model.tasks.note[task]!] ?? "");
}
