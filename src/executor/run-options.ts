/** Options of one run, or of one stream. */
import { Checker } from "../model/check.js";
import type { Size } from "../model/units.js";
import type { Durability, JournalSettings } from "../port/journal.js";

/** What one run takes besides its graph. */
export interface RunOptions {
  /** 1 to 200 letters, digits, dots, dashes and underscores. Default: a random UUID. */
  readonly runId?: string;
  /** Cancels the run when it aborts. Default: none. */
  readonly signal?: AbortSignal;
  /**
   * Folder in which the run is journalled, in a folder named by its id, so that a later process can go on with it: see `resume`.
   * Default: no journal.
   */
  readonly journal?: string | JournalOptions;
  /**
   * What no end of a task is lost to: the death of this process, or also of the machine (each group of ends is then flushed to
   * the disk before what depends on it starts). Default `"process-crash"`.
   */
  readonly durability?: Durability;
  /**
   * Goes on with the run of this `runId` where the journal has it, and begins it where not. What succeeded is not run again;
   * what failed, timed out or was cancelled is, unless this is `"unfinished"`: then only what had not ended is run. Default
   * `false`: a run that is in the journal already is refused (`JOURNAL_EXISTS`).
   */
  readonly resume?: boolean | "unfinished";
}

/** Where a run is journalled, and how much is kept. */
export interface JournalOptions {
  /** The folder of the journal; each run has a folder of its own in it, named by its id. */
  readonly folder: string;
  /** Outputs that are larger go to files of their own beside the journal. Default 64 KiB. */
  readonly maxInlineOutput?: Size;
  /** How much of what each attempt logs is kept. Default 16 KiB. */
  readonly maxLog?: Size;
  /** Any plain data to keep with the run, for whoever lists or resumes it. Default: nothing. */
  readonly about?: unknown;
}

const runIdForm = /^[\w.-]{1,200}$/;

const known = ["runId", "signal", "journal", "durability", "resume"] as const satisfies readonly (keyof RunOptions)[];

/** What the options say of the journal, if there is to be one. @throws InvalidOptionError with everything that is wrong. */
export function checkRunOptions(options: RunOptions): JournalSettings | undefined {
  const check = new Checker("run");
  let settings: JournalSettings | undefined;
  if (check.object("", options, known)) {
    const { runId, signal } = options;
    if (runId !== undefined && (typeof runId !== "string" || !runIdForm.test(runId))) {
      check.report("runId", "takes 1 to 200 letters, digits, dots, dashes and underscores");
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) check.report("signal", "takes an AbortSignal");
    settings = readJournal(check, options);
  }
  check.finish();
  return settings;
}

function readJournal(check: Checker, { journal, durability, resume, runId }: RunOptions): JournalSettings | undefined {
  const chosen = check.oneOf("durability", durability, ["process-crash", "power-loss"], "process-crash");
  if (resume !== undefined && typeof resume !== "boolean" && resume !== "unfinished")
    check.report("resume", 'takes true, false or "unfinished"');
  if (journal === undefined) {
    if (resume !== undefined && resume !== false) check.report("resume", "needs a journal to resume from");
    if (durability !== undefined) check.report("durability", "is that of a journal, and none is given");
    return undefined;
  }
  if (resume !== undefined && resume !== false && runId === undefined)
    check.report("resume", "needs the runId of the run to go on with");
  if (runId === "." || runId === "..") check.report("runId", "names a folder of the journal, and this is none");
  const given = typeof journal === "string" ? { folder: journal } : journal;
  if (!check.object("journal", given, ["folder", "maxInlineOutput", "maxLog", "about"])) return undefined;
  const folder = check.string("journal.folder", given.folder, "");
  if (folder === "") check.report("journal.folder", "takes the path of a folder");
  return {
    folder,
    durability: chosen,
    resume: resume === true ? "all" : resume === "unfinished" ? "unfinished" : undefined,
    maxInlineOutput: check.bytes("journal.maxInlineOutput", given.maxInlineOutput, 65_536),
    maxLog: check.bytes("journal.maxLog", given.maxLog, 16_384),
    about: given.about,
  };
}

/** How a stream is run. */
export interface StreamOptions {
  /** Cancels what has not ended, and ends the stream. Default: none. */
  readonly signal?: AbortSignal;
  /** Most tasks in the stream at once: waiting, running, or ended with a result that has not been taken. Default: 4 for each concurrent task, at least 64. */
  readonly window?: number;
  /** How many of the tasks that ended last can still be depended on, though their results were taken. Default 1000. */
  readonly remember?: number;
}

/** @throws InvalidOptionError with everything that is wrong. */
export function checkStreamOptions(options: StreamOptions, slots: number): { window: number; remember: number } {
  const check = new Checker("stream");
  check.object("", options, ["signal", "window", "remember"]);
  const range = { maximum: 1e7, integer: true };
  const window = check.number("window", options.window, { minimum: 1, ...range }, Math.max(64, 4 * slots));
  const remember = check.number("remember", options.remember, { minimum: 0, ...range }, 1000);
  check.finish();
  return { window, remember };
}
