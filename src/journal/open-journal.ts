/** Opens the journal of a run: takes its lock, reads what is there, and says what of it stands for the graph that there is now. */
import { existsSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { kindOfId } from "../core/task-kinds.js";
import { OrchestratorError } from "../model/error.js";
import type { JournalRequest, RestoredAddition, RestoredTask, ResumeReport, RunJournal } from "../port/journal.js";
import { ByteWriter } from "./bytes.js";
import { encodeValue, UnfaithfulValue } from "./encode-value.js";
import { History } from "./history.js";
import { RunLock } from "./lock.js";
import type { GraphRecord, OpenedRecord, ResumedRecord } from "./record.js";
import { Recorder } from "./recorder.js";
import { restore } from "./restored.js";
import { planResume } from "./resume-plan.js";
import { readFrames, SegmentWriter, segmentsOf, syncFolder } from "./segments.js";
import { printTasks, TaskPrinter } from "./task-print.js";

/**
 * Opens a journal for writing.
 * @throws OrchestratorError `JOURNAL_EXISTS`, `JOURNAL_LOCKED`, `JOURNAL_DAMAGED`, `JOURNAL_FORMAT`, `JOURNAL_UNWRITABLE`.
 */
export async function openJournal(request: JournalRequest): Promise<RunJournal> {
  const folder = runFolder(request.folder, request.runId);
  refuseUnfaithful(request);
  refuseExisting(folder, request);
  makeFolder(folder, request);
  const lock = writing(() => RunLock.acquire(folder, request.runId, request.at));
  let journal: RunJournal;
  try {
    // Somebody may have begun it while the lock was waited for.
    refuseExisting(folder, request);
    journal = openLocked(folder, lock, request);
  } catch (error) {
    lock.release();
    throw error;
  }
  try {
    // That the run was begun is known before its first task starts.
    await journal.commit();
    return journal;
  } catch (error) {
    journal.close();
    throw error;
  }
}

function refuseExisting(folder: string, { resume, runId }: JournalRequest): void {
  if (resume !== undefined || segmentsOf(folder).length === 0) return;
  const message = `there is a journal of run "${runId}" already, in ${folder}: give resume: true to go on with it, or another runId`;
  throw new OrchestratorError("JOURNAL_EXISTS", message);
}

/** Makes what the system has against writing an error of the journal. */
function writing<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof OrchestratorError) throw error;
    const message = `the journal cannot be written: ${(error as Error).message}`;
    throw new OrchestratorError("JOURNAL_UNWRITABLE", message, { cause: error });
  }
}

/** The folder of one run. */
export function runFolder(folder: string, runId: string): string {
  return resolve(folder, runId);
}

function makeFolder(folder: string, { durability }: JournalRequest): void {
  writing(() => {
    const isNew = !existsSync(folder);
    mkdirSync(folder, { recursive: true });
    if (isNew && durability === "power-loss") syncFolder(dirname(folder));
  });
}

/** It is found again with the run, so it has to be a value that comes back. */
function refuseUnfaithful({ about }: JournalRequest): void {
  try {
    encodeValue(new ByteWriter(), about);
  } catch (error) {
    if (!(error instanceof UnfaithfulValue)) throw error;
    const message = `run.journal.about: ${error.pathFrom("about")} is ${error.what}, which a journal could not give back as it is: give plain data`;
    throw new OrchestratorError("INVALID_OPTION", message);
  }
}

function openLocked(folder: string, lock: RunLock, request: JournalRequest): RunJournal {
  const history = new History();
  const end = readFrames(folder, history.read);
  const printer = new TaskPrinter();
  const graph = graphRecord(request, printer);
  const opened: OpenedRecord = {
    type: "opened",
    at: request.at,
    runId: request.runId,
    pid: process.pid,
    host: hostname(),
    nodeVersion: process.version,
    durability: request.durability,
    ...(request.about !== undefined && { about: request.about }),
  };
  const writer = writing(() => new SegmentWriter(folder, end, request.durability));
  const base = { folder, lock, writer, printer, settings: request };
  if (history.graph === undefined) {
    return new Recorder({
      ...base,
      first: [opened, graph],
      history: undefined,
      resumed: undefined,
      restored: [],
      additions: [],
    });
  }
  const { resumed, first, restored, additions } = takeOver(folder, history, graph, request);
  return new Recorder({
    ...base,
    first: [opened, ...first],
    history: history.orphans.size > 0 ? history : undefined,
    resumed,
    restored,
    additions,
  });
}

interface TakenOver {
  readonly resumed: ResumeReport;
  readonly first: readonly (GraphRecord | ResumedRecord)[];
  readonly restored: Iterable<RestoredTask>;
  readonly additions: readonly RestoredAddition[];
}

/** Applies the plan to the history as the records of it will be applied by the next process, and reads off what is restored. */
function takeOver(folder: string, history: History, graph: GraphRecord, request: JournalRequest): TakenOver {
  const { from, again, withoutAdditions, sameGraph: same, report } = planResume(history, graph, request);
  const keepsNumbers =
    same && from.length >= history.tasks.length && from.every((old, number) => standsAs(history, number, old));
  const record: ResumedRecord = {
    type: "resumed",
    at: request.at,
    again,
    withoutAdditions,
    ...(!keepsNumbers && { from }),
  };
  const first = same ? [record] : [graph, record];
  const resumes = history.processes;
  // What ran when the process died is known by the record of this process's opening.
  history.interrupt();
  for (const applied of first) history.apply(applied);
  const numberOf = numbersByIdOf(history);
  const additions: RestoredAddition[] = [];
  for (let number = history.planCount; number < history.tasks.length; number++) {
    const task = history.tasks[number];
    if (task?.added === undefined) continue;
    const { id, name } = task.added;
    additions.push({ task: number, ...restore(folder, task, numberOf), id, name, parent: task.parent });
  }
  const resumed = { runId: request.runId, folder, resumes, ...report };
  return { resumed, first, restored: restoredTasks(folder, history, numberOf), additions };
}

/** One after the other, and each made when it is asked for: none of them is kept. */
function* restoredTasks(
  folder: string,
  history: History,
  numberOf: (id: string) => number,
): Generator<RestoredTask, undefined> {
  for (let number = 0; number < history.planCount; number++) {
    const task = history.tasks[number];
    if (task === undefined) continue;
    const { past, told } = restore(folder, task, numberOf);
    yield { task: number, past, told };
  }
}

/** Few tasks name another: the table is made when the first one does. */
function numbersByIdOf(history: History): (id: string) => number {
  let numbers: Map<string, number> | undefined;
  return (id) => {
    if (numbers === undefined) {
      numbers = new Map();
      for (let number = 0; number < history.count; number++) numbers.set(history.idOf(number), number);
    }
    return numbers.get(id) ?? -1;
  };
}

function standsAs(history: History, number: number, old: number): boolean {
  return old === number || (old < 0 && history.tasks[number] === undefined);
}

function graphRecord(request: JournalRequest, printer: TaskPrinter): GraphRecord {
  const { graphName, limits, tasks, dependencies } = request;
  const names = new Map<number, string>();
  tasks.forEach((task, number) => {
    if (task.name !== undefined && task.name !== kindOfId(task.id)) names.set(number, task.name);
  });
  return {
    type: "graph",
    name: graphName,
    limits,
    ids: tasks.map((task) => task.id),
    names,
    offsets: dependencies.offsets,
    targets: dependencies.targets.slice(),
    prints: printTasks(tasks, printer),
  };
}
