/**
 * Progress on a terminal: lines of what has ended scroll by, and below them a few lines are drawn again and again, with
 * a bar, the tasks that run, and how long it still takes.
 *
 *     ✓ clean 1.2s
 *     ━━━━━━━━━━━━━━╸─────────  7 of 12   4.2s   about 3s left
 *       ⠹ aggregate   2.1s  thread-1
 *       ↻ rates       attempt 2 in 0.8s: connection refused
 */
import type { RunEvent } from "../../model/event.js";
import type { RemainingTime } from "./estimate.js";
import { cutToWidth, MovingPart } from "./moving-part.js";
import { RunProgress } from "./progress.js";
import { harmless, type OutputStream, type Style } from "./style.js";
import { firstLine, type LineOptions, lineOf, seconds } from "./task-lines.js";

const frames = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f";
const barWidth = 24;
/** Beyond so many tasks, one that succeeds leaves no line. */
const mostLines = 200;

export class LiveView {
  readonly progress = new RunProgress();
  readonly #ended = new Set<string>();
  readonly #stream: OutputStream;
  readonly #style: Style;
  readonly #options: LineOptions;
  readonly #remaining: RemainingTime;
  readonly #moving: MovingPart;
  #frame = 0;
  #notice = "";

  constructor(stream: OutputStream, style: Style, options: LineOptions, remaining: RemainingTime) {
    this.#stream = stream;
    this.#style = style;
    this.#options = options;
    this.#remaining = remaining;
    this.#moving = new MovingPart(stream, () => this.#draw(Date.now()));
  }

  start(): void {
    this.#moving.start();
  }

  observe(event: RunEvent): void {
    this.progress.apply(event);
    if (event.type === "task-ended") this.#ended.add(event.taskId);
    const success = event.type === "task-ended" && event.status === "succeeded";
    if (success && this.progress.total > mostLines) return;
    const line = lineOf(event, this.#style, this.#options);
    if (line !== undefined) this.#moving.redraw(`${line}\n`);
  }

  /** A line that stays above the bar until the end. */
  notice(text: string): void {
    this.#notice = text;
    this.#moving.redraw("");
  }

  stop(): void {
    this.#moving.stop(false);
  }

  #draw(now: number): string[] {
    this.#frame = (this.#frame + 1) % frames.length;
    const { columns = 80, rows = 24 } = this.#stream;
    const lines = [this.#bar(now), ...this.#tasks(now, Math.max(3, Math.min(12, rows - 4)))];
    if (this.#notice !== "") lines.unshift(this.#style.warning(this.#notice));
    return lines.map((line) => cutToWidth(line, columns - 1));
  }

  #bar(now: number): string {
    const { progress } = this;
    const done = progress.total === 0 ? 0 : progress.ended / progress.total;
    const filled = Math.floor(done * barWidth);
    const style = this.#style;
    const failed = progress.counts.failed + progress.counts["timed-out"];
    const paint = failed > 0 ? style.error : style.good;
    const bar = `${paint("\u2501".repeat(filled))}${style.dim("\u2500".repeat(barWidth - filled))}`;
    const parts = [`${progress.ended} of ${progress.total}`];
    if (failed > 0) parts.push(style.error(`${failed} failed`));
    if (progress.counts.skipped > 0) parts.push(`${progress.counts.skipped} skipped`);
    if (progress.retries > 0) parts.push(`${progress.retries} retried`);
    parts.push(seconds(now - progress.startedAt));
    const left = progress.cancelled ? undefined : this.#remaining.seconds(progress, (id) => this.#ended.has(id), now);
    if (left !== undefined && left >= 1) parts.push(style.dim(`about ${seconds(Math.round(left) * 1000)} left`));
    return `${bar}  ${parts.join("   ")}`;
  }

  #tasks(now: number, most: number): string[] {
    const { running, retrying, waiting } = this.progress;
    const style = this.#style;
    const spinner = style.accent(frames[this.#frame]!);
    const names = [...running.keys(), ...retrying.keys(), ...waiting.keys()];
    const width = Math.min(32, Math.max(0, ...names.map((name) => name.length)));
    const named = (taskId: string): string => harmless(taskId).padEnd(width);
    const lines: string[] = [];
    for (const { taskId, startedAt, attempt, workerId, told } of running.values()) {
      const details = [workerId, attempt > 1 ? `attempt ${attempt}` : "", harmless(told ?? "")].filter(
        (part) => part !== "",
      );
      lines.push(
        `  ${spinner} ${named(taskId)}  ${seconds(now - startedAt).padStart(6)}  ${style.dim(details.join("  "))}`,
      );
    }
    for (const [taskId, { startedAt, left, of }] of waiting)
      lines.push(
        `  ${style.dim("\u00b7")} ${named(taskId)}  ${seconds(now - startedAt).padStart(6)}  ${style.dim(`${of - left} of ${of} done`)}`,
      );
    for (const { taskId, attempt, retryAt, message } of retrying.values())
      lines.push(
        `  ${style.warning("\u21bb")} ${named(taskId)}  ${seconds(retryAt - now).padStart(6)}  ${style.dim(`until attempt ${attempt}: ${firstLine(new Error(message))}`)}`,
      );
    if (lines.length <= most) return lines;
    return [...lines.slice(0, most - 1), style.dim(`    and ${lines.length - most + 1} more`)];
  }
}
