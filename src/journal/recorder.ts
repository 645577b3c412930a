/**
 * Writes the journal of a running run. Records gather in one buffer; `commit` makes a frame of them and writes it with one
 * call, so everything that ended meanwhile shares one write and, where power loss is to be survived, one flush. Outputs that are
 * too large for it are in files of their own before the frame that names them is written.
 */

import { kindOfId } from "../core/task-kinds.js";
import { type ErrorData, OrchestratorError, toErrorData } from "../model/error.js";
import type { FailureReason, TaskStatus } from "../model/result.js";
import type { Task } from "../model/task.js";
import type {
  AttemptFailureToRecord,
  AttemptSuccess,
  JournalSettings,
  RestoredAddition,
  RestoredTask,
  ResumeReport,
  RunJournal,
} from "../port/journal.js";
import { ByteWriter } from "./bytes.js";
import { encodeValue, UnfaithfulValue } from "./encode-value.js";
import { beginFrame, frameHeaderBytes } from "./frame.js";
import type { History, RecordedTask } from "./history.js";
import type { RunLock } from "./lock.js";
import { nameOfBytes, OutputFiles } from "./output-files.js";
import {
  type AddedTask,
  encodeOutputFile,
  encodePlain,
  encodeStarted,
  encodeSuccess,
  type PlainRecord,
} from "./record.js";
import { restore } from "./restored.js";
import type { SegmentWriter } from "./segments.js";
import type { TaskPrinter } from "./task-print.js";

export interface RecorderParts {
  readonly folder: string;
  readonly lock: RunLock;
  readonly writer: SegmentWriter;
  readonly printer: TaskPrinter;
  readonly settings: JournalSettings & { readonly runId: string };
  /** Where tasks that are added again may have been added before. */
  readonly history: History | undefined;
  /** What this process begins with. */
  readonly first: readonly PlainRecord[];
  readonly resumed: ResumeReport | undefined;
  readonly restored: Iterable<RestoredTask>;
  readonly additions: readonly RestoredAddition[];
}

export class Recorder implements RunJournal {
  readonly folder: string;
  readonly resumed: ResumeReport | undefined;
  #restored: Iterable<RestoredTask>;
  readonly additions: readonly RestoredAddition[];
  readonly #parts: RecorderParts;
  readonly #frame = new ByteWriter();
  readonly #outputs: OutputFiles;
  /** Files of outputs that the next frame names. */
  #files: Promise<void>[] = [];
  /** Bytes of log of each attempt that runs. */
  readonly #logged = new Map<number, number>();
  #closed = false;

  constructor(parts: RecorderParts) {
    const { folder, resumed, restored, additions, settings } = parts;
    this.folder = folder;
    this.resumed = resumed;
    this.#restored = restored;
    this.additions = additions;
    // Not what is handed on once: it holds the whole history.
    this.#parts = { ...parts, restored: [], first: [] };
    this.#outputs = new OutputFiles(folder, settings.durability);
    beginFrame(this.#frame);
    for (const record of parts.first) encodePlain(this.#frame, record);
  }

  takeRestored(): Iterable<RestoredTask> {
    const restored = this.#restored;
    this.#restored = [];
    return restored;
  }

  attemptStarted(start: Parameters<RunJournal["attemptStarted"]>[0]): void {
    encodeStarted(this.#frame, start);
  }

  attemptSucceeded(end: AttemptSuccess): void {
    const frame = this.#frame;
    const before = frame.length;
    const flagsAt = encodeSuccess(frame, end);
    const outputAt = frame.length;
    try {
      encodeValue(frame, end.output);
    } catch (error) {
      frame.truncate(before);
      throw unfaithfulError(error);
    }
    const size = frame.length - outputAt;
    if (size > this.#parts.settings.maxInlineOutput) this.#moveToFile(flagsAt, outputAt, size);
    if (this.#logged.size > 0) this.#logged.delete(end.task);
  }

  #moveToFile(flagsAt: number, outputAt: number, size: number): void {
    const frame = this.#frame;
    const bytes = Buffer.from(frame.buffer.subarray(outputAt, outputAt + size));
    const name = nameOfBytes(bytes);
    frame.truncate(outputAt);
    encodeOutputFile(frame, flagsAt, name, size);
    const written = this.#outputs.write(name, bytes);
    // Told by the commit that waits for it, which may come later.
    written.catch(() => undefined);
    this.#files.push(written);
  }

  attemptFailed({ error, ...end }: AttemptFailureToRecord): void {
    this.#plain({ type: "attempt-failed", ...withoutUndefined(end), error: toErrorData(error) });
    if (this.#logged.size > 0) this.#logged.delete(end.task);
  }

  retryScheduled(task: number, attempt: number, retryAt: number): void {
    this.#plain({ type: "retry-scheduled", task, attempt, retryAt });
  }

  conditionDecided(task: number, at: number, verdict: "run" | "skip" | "error", error: ErrorData | undefined): void {
    this.#plain({ type: "condition-decided", task, at, verdict, ...(error && { error }) });
  }

  taskEnded(
    task: number,
    at: number,
    end: { readonly status: Exclude<TaskStatus, "succeeded">; readonly error: Error; readonly reason: FailureReason },
  ): void {
    const { status, error, reason } = end;
    this.#plain({ type: "task-ended", task, at, status, error: toErrorData(error), reason });
  }

  tasksAdded(
    parent: number,
    attempt: number,
    at: number,
    tasks: readonly Task[],
  ): readonly (Omit<RestoredTask, "task"> | undefined)[] {
    const { history } = this.#parts;
    const added = tasks.map((task) => this.#describe(task, history?.tasks[parent]));
    const record = { type: "tasks-added", parent, attempt, at, tasks: added } as const;
    this.#plain(record);
    if (history === undefined) return tasks.map(() => undefined);
    const first = history.count;
    history.apply(record);
    return added.map(({ past }, place) =>
      past === undefined ? undefined : restore(this.folder, history.tasks[first + place]!, () => -1),
    );
  }

  #describe(task: Task, parent: RecordedTask | undefined): AddedTask {
    const { dependsOn = [], inputs } = task;
    const described: AddedTask = {
      id: task.id,
      name: task.name ?? kindOfId(task.id),
      dependsOn: inputs === undefined ? dependsOn : [...dependsOn, ...Object.values(inputs)],
      print: this.#parts.printer.print(task),
    };
    const past = parent === undefined ? undefined : this.#pastOf(described, parent);
    return past === undefined ? described : { ...described, past };
  }

  /** Whether what the task of this id did, when an earlier attempt of the same parent had added it, counts. */
  #pastOf({ id, print, dependsOn }: AddedTask, parent: RecordedTask): "kept" | "again" | undefined {
    const orphan = this.#parts.history!.orphans.get(id);
    if (orphan?.added === undefined || orphan.addedBy !== parent) return undefined;
    if (!sameTexts(print, orphan.added.print) || !sameTexts(dependsOn, orphan.added.dependsOn)) return undefined;
    const { end } = orphan;
    if (end === undefined || end.status === "succeeded") return "kept";
    if (end.status === "skipped") return stays(end.reason) ? "kept" : "again";
    return end.status === "cancelled" || this.#parts.settings.resume === "all" ? "again" : "kept";
  }

  attemptLogged(task: number, attempt: number, at: number, stream: "stdout" | "stderr" | "log", text: string): void {
    const { maxLog } = this.#parts.settings;
    const before = this.#logged.get(task) ?? 0;
    if (before >= maxLog) return;
    const kept = before + text.length > maxLog ? `${text.slice(0, maxLog - before)}...` : text;
    this.#logged.set(task, before + text.length);
    this.#plain({ type: "attempt-log", task, attempt, at, stream, text: kept });
  }

  taskWaits(task: number, at: number, waits: boolean): void {
    this.#plain({ type: waits ? "task-suspended" : "task-resumed", task, at });
  }

  cancelRequested(at: number, by: "caller" | "shutdown", message: string): void {
    this.#plain({ type: "cancel-requested", at, by, message });
  }

  runEnded(at: number, counts: Readonly<Record<TaskStatus, number>>, duration: number): void {
    this.#plain({ type: "run-ended", at, counts, duration });
  }

  #plain(record: PlainRecord): void {
    encodePlain(this.#frame, record);
  }

  commit(): Promise<void> | undefined {
    if (this.#files.length > 0) return this.#commitWithFiles();
    return this.#append();
  }

  async #commitWithFiles(): Promise<void> {
    try {
      await Promise.all(this.#files.splice(0));
    } catch (error) {
      throw unwritable(error);
    }
    await this.#append();
  }

  #append(): Promise<void> | undefined {
    if (this.#closed || this.#frame.length === frameHeaderBytes) return undefined;
    let durable: Promise<void> | undefined;
    try {
      durable = this.#parts.writer.append(this.#frame);
    } catch (error) {
      throw unwritable(error);
    }
    beginFrame(this.#frame);
    return durable?.catch((error: unknown) => {
      throw unwritable(error);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.writer.close();
    try {
      this.#parts.lock.release();
    } catch {
      // The folder is gone, or cannot be written any more; a lock of a process that ended is taken over anyway.
    }
  }
}

function stays(reason: FailureReason | undefined): boolean {
  return reason?.kind === "condition" || reason?.kind === "trigger";
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, place) => text === right[place]);
}

/** Fields that are undefined take place in a record and tell nothing. */
function withoutUndefined<End extends { readonly usage: unknown; readonly facts: unknown }>({
  usage,
  facts,
  ...end
}: End): Omit<End, "usage" | "facts"> & {
  readonly usage?: NonNullable<End["usage"]>;
  readonly facts?: NonNullable<End["facts"]>;
} {
  return { ...end, ...(usage !== undefined && { usage }), ...(facts !== undefined && { facts }) } as never;
}

function unfaithfulError(thrown: unknown): OrchestratorError {
  const [what, where] =
    thrown instanceof UnfaithfulValue
      ? [thrown.what, thrown.pathFrom("output")]
      : // The engine's own limit of recursion.
        ["nested too deeply", "output"];
  const subject = where === "output" ? "the output" : `the output holds, at ${where},`;
  const message = `${where === "output" ? `${subject} is ${what}` : `${subject} ${what}`}, which a journal could not give back as it is: return plain data, or what makes it anew`;
  return new OrchestratorError("NOT_SERIALISABLE", message, {
    ...(thrown instanceof UnfaithfulValue ? undefined : { cause: thrown }),
    failureReason: { kind: "not-serialisable" },
  });
}

function unwritable(cause: unknown): OrchestratorError {
  if (cause instanceof OrchestratorError) return cause;
  const message = `the journal cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new OrchestratorError("JOURNAL_UNWRITABLE", message, { cause });
}
