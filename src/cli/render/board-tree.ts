/**
 * A run as its graph, drawn again and again, with each task's state in place of its dot. Where there are more tasks than
 * lines, what is in trouble or moves is drawn and the lines between are folded; a graph of many tasks of few kinds is drawn
 * by kind.
 */
import type { RunModel } from "../../dashboard/model/run-model.js";
import { stateCode, taskStates } from "../../dashboard/protocol.js";
import { barOf, legend, markOf, noteOf, paintState, ran, type Scene, stateOf } from "./board.js";
import { cutText, drawTable } from "./board-table.js";
import { dot, drawLanes } from "./lanes.js";
import { harmless, type Style } from "./style.js";
import { seconds } from "./task-lines.js";

/** Beyond so many tasks lanes are no drawing any more, and cost too much to draw. */
const mostLanes = 500;
const widestTask = 32;
const barWidth = 16;

/** Tasks each after what they depend on, with their lanes; made anew when tasks were added. */
export class TreeLayout {
  #size = -1;
  #order: number[] = [];
  #lanes: string[] = [];

  of(model: RunModel): { readonly order: readonly number[]; readonly lanes: readonly string[] } {
    if (this.#size !== model.tasks.size) {
      this.#size = model.tasks.size;
      this.#order = inOrder(model);
      const nodes = this.#order.map((task) => ({ id: String(task), needs: before(model, task).map(String) }));
      this.#lanes = drawLanes(nodes);
    }
    return { order: this.#order, lanes: this.#lanes };
  }
}

/** @returns at most `rows` lines */
export function drawTree(scene: Scene, layout: TreeLayout): string[] {
  const { model, rows } = scene;
  const { size, kindNames } = model.tasks;
  if (size > rows && kindNames.length <= rows && kindNames.length * 2 <= size) return drawKinds(scene);
  return size > mostLanes ? drawTable(scene) : drawTasks(scene, layout);
}

function drawTasks(scene: Scene, layout: TreeLayout): string[] {
  const { model, style, rows } = scene;
  const { order, lanes } = layout.of(model);
  const shown = order.length <= rows ? new Set(order) : worthwhile(model, order, rows);
  const laneWidth = Math.max(0, ...lanes.map((line) => line.length));
  const width = Math.min(widestTask, Math.max(0, ...[...shown].map((task) => model.tasks.ids[task]!.length)));
  const lines: string[] = [];
  let folded = new Int32Array(taskStates.length);
  const fold = (): void => {
    if (folded.some((count) => count > 0))
      lines.push(`${style.dim("\u2506".padEnd(laneWidth))}  ${legend(folded, style)}`);
    folded = new Int32Array(taskStates.length);
  };
  order.forEach((task, place) => {
    if (!shown.has(task)) {
      folded[model.tasks.state[task]!]!++;
      return;
    }
    fold();
    lines.push(
      taskLine(
        scene,
        task,
        `${paintLanes(lanes[place]!, model, task, style)}${" ".repeat(laneWidth - lanes[place]!.length)}`,
        width,
      ),
    );
  });
  fold();
  return lines.slice(0, rows);
}

function taskLine({ model, style, now }: Scene, task: number, lanes: string, width: number): string {
  const state = stateOf(model, task);
  const took = ran(model, task, now);
  const attempts = model.tasks.attempts[task]!;
  const id = cutText(harmless(model.tasks.ids[task]!), width).padEnd(width);
  const name = state === "running" ? style.bold(id) : state === "waiting" || state === "skipped" ? style.dim(id) : id;
  const time = (took === undefined ? "" : seconds(took)).padStart(7);
  const told = [attempts > 1 ? `attempt ${attempts}` : "", noteOf(model, task)]
    .filter((part) => part !== "")
    .join(": ");
  const note = state === "failed" || state === "timed-out" ? style.error(told) : style.dim(told);
  return `${lanes}  ${name}  ${time}  ${note}`.trimEnd();
}

/** The lanes with the task's state for its dot. */
function paintLanes(line: string, model: RunModel, task: number, style: Style): string {
  const place = line.indexOf(dot);
  return `${style.dim(line.slice(0, place))}${markOf(stateOf(model, task), style)}${style.dim(line.slice(place + 1))}`;
}

/** Tasks to be drawn: trouble, what moves, what could, and then others. Each may bring a folded line with it. */
function worthwhile(model: RunModel, order: readonly number[], rows: number): Set<number> {
  const most = Math.max(1, Math.floor((rows - 1) / 2));
  const wanted = ["failed", "timed-out", "running", "retrying", "suspended", "ready", "cancelled"] as const;
  const shown = new Set<number>();
  for (const state of wanted)
    for (const task of order) if (shown.size < most && model.tasks.state[task] === stateCode[state]) shown.add(task);
  return shown;
}

/** `clean  ━━━━━━━━━━──────  ▶ 2 running  ✓ 12 succeeded`. */
function drawKinds({ model, style }: Scene): string[] {
  const { tasks } = model;
  const counts = tasks.kindNames.map(() => new Int32Array(taskStates.length));
  for (let task = 0; task < tasks.size; task++) counts[tasks.kind[task]!]![tasks.state[task]!]!++;
  const width = Math.min(widestTask, Math.max(...tasks.kindNames.map((name) => name.length)));
  return tasks.kindNames.map((name, kind) => {
    const total = counts[kind]!.reduce((sum, count) => sum + count, 0);
    const failed = counts[kind]![stateCode.failed]! > 0;
    const label = cutText(harmless(name), width).padEnd(width);
    return `${failed ? paintState("failed", label, style) : label}  ${barOf(counts[kind]!, total, barWidth, style)}  ${legend(counts[kind]!, style)}`;
  });
}

/** Each task after all that it depends on, as near to the order in which they were given as that allows. */
function inOrder(model: RunModel): number[] {
  const placed = new Uint8Array(model.tasks.size);
  const order: number[] = [];
  const stack: number[] = [];
  for (let first = 0; first < model.tasks.size; first++) {
    stack.push(first);
    while (stack.length > 0) {
      const task = stack[stack.length - 1]!;
      const missing = before(model, task).filter((other) => placed[other] === 0);
      if (placed[task] === 0 && missing.length > 0) {
        stack.push(...missing.reverse());
        continue;
      }
      stack.pop();
      if (placed[task] === 0) order.push(task);
      placed[task] = 1;
    }
  }
  return order;
}

function before({ tasks }: RunModel, task: number): number[] {
  const parent = tasks.parent[task]!;
  return parent < 0 ? [...tasks.dependencies(task)] : [...tasks.dependencies(task), parent];
}
