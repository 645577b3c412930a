/** `orchestrator ui`: the live page over journals of earlier runs. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startDashboard } from "../../dashboard/index.js";
import { type JournalledRun, readJournal } from "../../journal/read-journal.js";
import type { RunEvent } from "../../model/event.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { defaultJournal } from "../journal-flags.js";
import { explainPort, interrupted } from "../live-page.js";

/** Runs that are shown: the newest. */
const mostRuns = 50;

export async function ui(folder: string | undefined, { port }: { readonly port?: number }): Promise<ExitCode> {
  const runs = readRuns(folder ?? defaultJournal);
  await using dashboard = await explainPort(startDashboard({ port: port ?? 0 }), port);
  for (const run of runs) for (const event of eventsOf(run)) dashboard.observer.observe(event);
  process.stdout.write(
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}: ${dashboard.url}\nPress Ctrl-C to end.\n`,
  );
  await interrupted();
  return exitCode.succeeded;
}

/** The runs of a journal's folder, or the one run that the folder itself is. */
function readRuns(folder: string): JournalledRun[] {
  if (!existsSync(folder)) throw new UsageError(`there is no folder ${folder}: name one that "run --journal" wrote`);
  const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const runs = [folder, ...inside.map(({ name }) => join(folder, name))].flatMap((path) => readRun(path));
  if (runs.length === 0) throw new UsageError(`${folder} has no journal of a run`);
  return runs.sort((left, right) => left.startedAt - right.startedAt).slice(-mostRuns);
}

function readRun(path: string): JournalledRun[] {
  try {
    return [readJournal(path)];
  } catch (error) {
    if ((error as { code?: unknown }).code === "JOURNAL_NOT_FOUND") return [];
    process.stderr.write(`${(error as Error).message}\n`);
    return [];
  }
}

/** The events of a run; one that nobody goes on with is shown as it was left, and not as running. */
function eventsOf({ events, status, lastAt, runId, counts }: JournalledRun): readonly RunEvent[] {
  const told = events();
  if (status !== "interrupted") return told;
  const base = { at: lastAt, runId };
  const next = (told.at(-1)?.sequence ?? -1) + 1;
  const message = "the process that ran it ended";
  return [
    ...told,
    { ...base, sequence: next, type: "cancel-requested", by: "shutdown", message },
    { ...base, sequence: next + 1, type: "run-ended", counts, duration: 0 },
  ];
}
