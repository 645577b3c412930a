/** Chooses how a run is shown: drawn on a terminal, line by line elsewhere, on standard error beside `--json`. */
import type { RunEvent } from "../../model/event.js";
import type { RemainingTime } from "./estimate.js";
import { LiveView } from "./live-view.js";
import { RunProgress } from "./progress.js";
import { makeStyle, type OutputStream, type Style, wantsDrawing } from "./style.js";
import { type LineOptions, lineOf } from "./task-lines.js";

export interface RunReporter {
  readonly progress: RunProgress;
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
}

export function makeReporter(flags: ReporterFlags, remaining: RemainingTime): RunReporter {
  const stream: OutputStream = flags.json === true ? process.stderr : process.stdout;
  const style = makeStyle(stream);
  const quiet = flags.quiet === true || (flags.json === true && stream.isTTY !== true);
  const options = { quiet, logs: flags.logs === true };
  if (wantsDrawing(stream) && flags.quiet !== true)
    return new LiveView(stream, style, { ...options, starts: false }, remaining);
  return new LineReporter(stream, style, { ...options, starts: !quiet });
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
