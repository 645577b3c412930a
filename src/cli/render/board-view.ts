/**
 * The whole run on a terminal, drawn again and again, as a table or as its graph, in the page's words:
 *
 *     films  running, 1 failed  ━━━━━━━━━━╍╍────  7 of 12  4.2s  about 3s left
 *     ✗ 1 failed  ▶ 1 running  · 3 waiting  ✓ 7 succeeded
 *     Held back by one task: All 3 tasks that wait need train, which has been running for 3s; slots are free.
 *
 *     ✓        read       120ms
 *     ├─▶      train       3.1s  15 %
 */
import { RunModel } from "../../dashboard/model/run-model.js";
import type { RunEvent } from "../../model/event.js";
import { headLines, type Scene } from "./board.js";
import { drawTable } from "./board-table.js";
import { drawTree, TreeLayout } from "./board-tree.js";
import type { RemainingTime } from "./estimate.js";
import { cutToWidth, MovingPart } from "./moving-part.js";
import { RunProgress } from "./progress.js";
import type { OutputStream, Style } from "./style.js";
import { type LineOptions, lineOf } from "./task-lines.js";

/** What is kept of logs and outputs, which are shown elsewhere. */
const bounds = { logCharacters: 0, allCharacters: 100_000 };

export class BoardView {
  readonly progress = new RunProgress();
  readonly #stream: OutputStream;
  readonly #style: Style;
  readonly #logs: boolean;
  readonly #remaining: RemainingTime;
  readonly #moving: MovingPart;
  readonly #ended = new Set<string>();
  readonly #layout: TreeLayout | undefined;
  #model = new RunModel("", bounds);
  #notice = "";

  constructor(
    shape: "tree" | "table",
    stream: OutputStream,
    style: Style,
    { logs }: Pick<LineOptions, "logs">,
    remaining: RemainingTime,
  ) {
    this.#stream = stream;
    this.#style = style;
    this.#logs = logs;
    this.#remaining = remaining;
    this.#layout = shape === "tree" ? new TreeLayout() : undefined;
    this.#moving = new MovingPart(stream, () => this.#draw(Date.now()));
  }

  /** Whether what is left on the screen at the end shows every task. */
  get drewAll(): boolean {
    return this.#model.tasks.size <= this.#room;
  }

  start(): void {
    this.#moving.start();
  }

  observe(event: RunEvent): void {
    this.progress.apply(event);
    this.#model.observe(event);
    if (event.type === "task-ended") this.#ended.add(event.taskId);
    if (event.type !== "attempt-log") return;
    const line = lineOf(event, this.#style, { logs: this.#logs, starts: false, quiet: true });
    if (line !== undefined) this.#moving.redraw(`${line}\n`);
  }

  notice(text: string): void {
    this.#notice = text;
    this.#moving.redraw("");
  }

  stop(): void {
    this.#moving.stop(this.drewAll);
  }

  /** Lines for tasks: what is left below the head, with a line to spare for the cursor. */
  get #room(): number {
    return Math.max(4, (this.#stream.rows ?? 24) - 7);
  }

  #draw(now: number): string[] {
    const { columns = 80 } = this.#stream;
    const left = this.progress.cancelled
      ? undefined
      : this.#remaining.seconds(this.progress, (id) => this.#ended.has(id), now);
    const scene: Scene = { model: this.#model, now, style: this.#style, rows: this.#room, columns, left };
    const body = this.#layout === undefined ? drawTable(scene) : drawTree(scene, this.#layout);
    const notice = this.#notice === "" ? [] : [this.#style.warning(this.#notice)];
    return [...notice, ...headLines(scene), "", ...body].map((line) => cutToWidth(line, columns - 1));
  }
}
