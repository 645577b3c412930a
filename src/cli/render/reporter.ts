/** Chooses how a run is shown: drawn on a terminal, line by line elsewhere, on standard error beside `--json`. */
import type { RunEvent } from "../../model/event.js";
import type { ViewName } from "../view-flag.js";
import { BoardView } from "./board-view.js";
import type { RemainingTime } from "./estimate.js";
import { LiveView } from "./live-view.js";
import { RunProgress } from "./progress.js";
import { makeStyle, type OutputStream, type Style, wantsDrawing } from "./style.js";
import { type LineOptions, lineOf } from "./task-lines.js";

export interface RunReporter {
  readonly progress: RunProgress;
  /** Whether every task and how it ended is on the screen, so that the summary need not list them again. */
  readonly drewAll?: boolean;
  start(): void;
  observe(event: RunEvent): void;
  /** Tells the person who watches something that is no event of the run. */
  notice(text: string): void;
  stop(): void;
}

export interface ReporterFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly logs?: boolean;
  readonly view?: ViewName;
}

/** Whether failures and outputs alone are wanted. */
export function isQuiet({ quiet, view }: ReporterFlags): boolean {
  return quiet === true || view === "quiet";
}

export function makeReporter(flags: ReporterFlags, remaining: RemainingTime): RunReporter {
  const stream: OutputStream = flags.json === true ? process.stderr : process.stdout;
  const style = makeStyle(stream);
  const quiet = isQuiet(flags) || (flags.json === true && stream.isTTY !== true);
  const logs = flags.logs === true;
  if (!wantsDrawing(stream) || isQuiet(flags)) return new LineReporter(stream, style, { quiet, logs, starts: !quiet });
  if (flags.view === "tree" || flags.view === "table")
    return new BoardView(flags.view, stream, style, { logs }, remaining);
  return new LiveView(stream, style, { quiet, logs, starts: false }, remaining);
}

/** A line for each thing that happens. */
class LineReporter implements RunReporter {
  readonly progress = new RunProgress();
  readonly #stream: OutputStream;
  readonly #style: Style;
  readonly #options: LineOptions;

  constructor(stream: OutputStream, style: Style, options: LineOptions) {
    this.#stream = stream;
    this.#style = style;
    this.#options = options;
  }

  start(): void {}

  observe(event: RunEvent): void {
    this.progress.apply(event);
    const line = lineOf(event, this.#style, this.#options);
    if (line !== undefined) this.#stream.write(`${line}\n`);
  }

  notice(text: string): void {
    this.#stream.write(`${this.#style.warning(text)}\n`);
  }

  stop(): void {}
}
