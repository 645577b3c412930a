/** Where a run of a pipeline is journalled, and what is kept with it so that it can be gone on with by its id alone. */
import { randomBytes } from "node:crypto";
import type { RunOptions } from "../executor/config.js";
import type { JournalledRun } from "../journal/read-journal.js";
import type { PipelinePlan } from "../pipeline/plan.js";

export interface JournalFlags {
  readonly journal?: string;
  readonly runId?: string;
  /** `true` without an id: the last run of the pipeline that is not done. */
  readonly resume?: string | true;
  readonly durability?: "process-crash" | "power-loss";
}

/** The folder of journals where none is named. */
export const defaultJournal = "runs";

/** Flags of a run that are the same when it is gone on with. */
export const keptFlags = ["maxWorkers", "maxConcurrent", "mode", "failFast"] as const;
export type KeptFlags = Readonly<Partial<Record<(typeof keptFlags)[number], unknown>>>;

/** What is kept with a run of a pipeline. */
export interface AboutPipeline {
  readonly kind: "pipeline";
  /** Absolute path of the file, and its text when the run was last begun or gone on with. */
  readonly file: string;
  readonly text: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly flags: KeptFlags;
}

/** What a journalled run of a pipeline kept; `undefined` for a run of a program. */
export function aboutPipeline({ about }: JournalledRun): AboutPipeline | undefined {
  return (about as { kind?: unknown } | undefined)?.kind === "pipeline" ? (about as AboutPipeline) : undefined;
}

/** The options of a run, with a journal where one is wanted. */
export async function journalOptions(
  plan: PipelinePlan,
  about: Omit<AboutPipeline, "kind" | "name" | "inputs">,
  flags: JournalFlags,
): Promise<RunOptions> {
  const { resume, journal: named, runId, durability } = flags;
  const folder = named ?? (resume === undefined ? undefined : defaultJournal);
  if (folder === undefined) return runId === undefined ? {} : { runId };
  const id = await resumedId(folder, plan.name, resume);
  return {
    runId: id ?? runId ?? newRunId(),
    journal: { folder, about: { kind: "pipeline", name: plan.name, inputs: plan.inputs, ...about } },
    ...(durability !== undefined && { durability }),
    ...(id !== undefined && { resume: true }),
  };
}

async function resumedId(folder: string, name: string, resume: string | true | undefined): Promise<string | undefined> {
  if (resume === undefined) return undefined;
  const { findRun, lastUnfinished } = await import("./find-run.js");
  return (resume === true ? lastUnfinished(folder, name) : findRun(folder, resume)).runId;
}

/** Sorts by time: `20261124-164501-3f9a`. */
function newRunId(): string {
  const [date, time] = new Date().toISOString().replace(/[-:]/g, "").slice(0, 15).split("T");
  return `${date}-${time}-${randomBytes(2).toString("hex")}`;
}
