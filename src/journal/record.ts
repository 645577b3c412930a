/**
 * The records of a journal, as data and as bytes. A task is named by its number: its place in the last graph that came before,
 * or, for one that a task added, the next free number when it was added.
 *
 * The two kinds that there is one of for each task (`attempt-started`, `attempt-succeeded`) are written field by field; all
 * others are the kind and one value. A kind keeps its number and its fields for ever; whatever is added or changed raises
 * `formatVersion`, and an older program then refuses the journal instead of misreading it.
 */
import type { ErrorData } from "../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage, TaskStatus } from "../model/result.js";
import { type ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";
import { decodeValue } from "./decode-value.js";
import { encodeValue } from "./encode-value.js";
import { hasItsFields } from "./record-fields.js";

/** A process began to write. What ran when the one before it died ran on in nobody. */
export interface OpenedRecord {
  readonly type: "opened";
  readonly at: number;
  readonly runId: string;
  readonly pid: number;
  readonly host: string;
  readonly nodeVersion: string;
  readonly durability: "process-crash" | "power-loss";
  /** Whatever the caller wants to find with the run. */
  readonly about?: unknown;
}

/** The tasks, by number. */
export interface GraphRecord {
  readonly type: "graph";
  readonly name: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly ids: readonly string[];
  /** Kinds of tasks that have another than their id tells, by number. */
  readonly names: ReadonlyMap<number, string>;
  /** Dependencies of task n are `targets[offsets[n]]` to `targets[offsets[n + 1] - 1]`. */
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
  readonly prints: TaskPrints;
}

/** What each task is, so that two graphs can be compared: places in `texts`, by task number. */
export interface TaskPrints {
  readonly texts: readonly string[];
  readonly work: Int32Array;
  readonly rules: Int32Array;
  readonly constants: Int32Array;
}

/** How a later process takes over what there is. */
export interface ResumedRecord {
  readonly type: "resumed";
  readonly at: number;
  /** For each number from here on the number that it had before, or -1; absent where all keep theirs. */
  readonly from?: Int32Array;
  /** Tasks, by their new numbers, that run again: attempts are counted on, and none is charged. */
  readonly again: Int32Array;
  /** Those among them whose inputs may be others now: what they added in earlier attempts counts for nothing. */
  readonly withoutAdditions: Int32Array;
}

interface AttemptLevel {
  readonly task: number;
  readonly attempt: number;
  readonly at: number;
}

export interface AttemptStartedRecord extends AttemptLevel {
  readonly type: "attempt-started";
  readonly readyAt: number;
  readonly workerId: string;
}

/** What an attempt gave: the value, or the file that holds it, named by the SHA-256 of its bytes. */
export type StoredOutput = { readonly value: unknown } | { readonly file: string; readonly bytes: number };

export interface AttemptSucceededRecord extends AttemptLevel {
  readonly type: "attempt-succeeded";
  readonly startedAt: number;
  readonly readyAt: number;
  readonly workerId: string;
  readonly usage?: ResourceUsage;
  readonly facts?: AttemptFacts;
  readonly output: StoredOutput;
}

/** An attempt ended in any other way. Whether another follows, the scheduler tells from this: the same way every time. */
export interface AttemptFailedRecord extends AttemptLevel {
  readonly type: "attempt-failed";
  readonly outcome: "failed" | "timed-out" | "cancelled" | "lost";
  readonly startedAt: number;
  readonly readyAt: number;
  readonly workerId: string;
  readonly error: ErrorData;
  readonly reason: FailureReason;
  readonly retryable: boolean;
  /** Drawn for the jitter of the delay, from 0 to 1. */
  readonly random: number;
  readonly usage?: ResourceUsage;
  readonly facts?: AttemptFacts;
}

/** For readers: when the next attempt may start. */
export interface RetryScheduledRecord {
  readonly type: "retry-scheduled";
  readonly task: number;
  readonly attempt: number;
  readonly retryAt: number;
}

/** A task's condition was asked. */
export interface ConditionDecidedRecord {
  readonly type: "condition-decided";
  readonly task: number;
  readonly at: number;
  readonly verdict: "run" | "skip" | "error";
  /** Why it skips, in its own words, or what it threw. */
  readonly error?: ErrorData;
}

/** A task's end without success. */
export interface TaskEndedRecord {
  readonly type: "task-ended";
  readonly task: number;
  readonly at: number;
  readonly status: Exclude<TaskStatus, "succeeded">;
  readonly error: ErrorData;
  readonly reason: FailureReason;
}

/** A running task added others, which get the next numbers. */
export interface TasksAddedRecord {
  readonly type: "tasks-added";
  readonly parent: number;
  readonly attempt: number;
  readonly at: number;
  readonly tasks: readonly AddedTask[];
}

export interface AddedTask {
  readonly id: string;
  readonly name: string;
  readonly dependsOn: readonly string[];
  /** What it is: work, rules, constants. */
  readonly print: readonly [string, string, string];
  /** Whether the task of this id that the same parent added in an earlier attempt is gone on with, or runs again. */
  readonly past?: "kept" | "again";
}

export interface AttemptLogRecord extends AttemptLevel {
  readonly type: "attempt-log";
  readonly stream: "stdout" | "stderr" | "log";
  readonly text: string;
}

export interface TaskWaitRecord {
  readonly type: "task-suspended" | "task-resumed";
  readonly task: number;
  readonly at: number;
}

export interface CancelRequestedRecord {
  readonly type: "cancel-requested";
  readonly at: number;
  readonly by: "caller" | "fail-fast" | "shutdown" | "journal";
  readonly message: string;
}

export interface RunEndedRecord {
  readonly type: "run-ended";
  readonly at: number;
  readonly counts: Readonly<Record<TaskStatus, number>>;
  /** Seconds that this process ran it. */
  readonly duration: number;
}

/** What is written as a kind and one value. */
export type PlainRecord =
  | OpenedRecord
  | GraphRecord
  | ResumedRecord
  | AttemptFailedRecord
  | RetryScheduledRecord
  | ConditionDecidedRecord
  | TaskEndedRecord
  | TasksAddedRecord
  | AttemptLogRecord
  | TaskWaitRecord
  | CancelRequestedRecord
  | RunEndedRecord;

export type JournalRecord = PlainRecord | AttemptStartedRecord | AttemptSucceededRecord;

const kinds: Readonly<Record<JournalRecord["type"], number>> = {
  opened: 1,
  graph: 2,
  resumed: 3,
  "attempt-started": 4,
  "attempt-succeeded": 5,
  "attempt-failed": 6,
  "retry-scheduled": 7,
  "condition-decided": 8,
  "task-ended": 9,
  "tasks-added": 10,
  "attempt-log": 11,
  "task-suspended": 12,
  "task-resumed": 13,
  "cancel-requested": 14,
  "run-ended": 15,
};
const typeOfKind = new Map(Object.entries(kinds).map(([type, kind]) => [kind, type as JournalRecord["type"]]));

/** @throws UnfaithfulValue for a value that would not come back as it is. */
export function encodePlain(writer: ByteWriter, record: PlainRecord): void {
  const { type, ...fields } = record;
  writer.byte(kinds[type]);
  encodeValue(writer, fields);
}

export function encodeStarted(writer: ByteWriter, record: Omit<AttemptStartedRecord, "type">): void {
  writer.byte(kinds["attempt-started"]);
  writer.varint(record.task);
  writer.varint(record.attempt);
  writer.double(record.at);
  writer.double(record.readyAt);
  writer.text(record.workerId);
}

const flag = { usage: 1, facts: 2, file: 4 } as const;

type SuccessFields = Omit<AttemptSucceededRecord, "type" | "output" | "usage" | "facts"> & {
  readonly usage?: ResourceUsage | undefined;
  readonly facts?: AttemptFacts | undefined;
};

/** Everything but the output, which is written after it by `encodeValue` or `encodeOutputFile`. Gives the place of the flags. */
export function encodeSuccess(writer: ByteWriter, record: SuccessFields): number {
  const { usage, facts } = record;
  writer.byte(kinds["attempt-succeeded"]);
  writer.varint(record.task);
  writer.varint(record.attempt);
  writer.double(record.at);
  writer.double(record.startedAt);
  writer.double(record.readyAt);
  writer.text(record.workerId);
  const place = writer.length;
  writer.byte((usage === undefined ? 0 : flag.usage) | (facts === undefined ? 0 : flag.facts));
  if (usage !== undefined) encodeValue(writer, usage);
  if (facts !== undefined) encodeValue(writer, facts);
  return place;
}

/** Says that the output is in a file. `flagsAt` is what `encodeSuccess` gave. */
export function encodeOutputFile(writer: ByteWriter, flagsAt: number, file: string, bytes: number): void {
  writer.buffer[flagsAt]! |= flag.file;
  writer.text(file);
  writer.varint(bytes);
}

/** What `readSuccess` hands on. */
export type TakeSuccess = (
  task: number,
  attempt: number,
  at: number,
  startedAt: number,
  readyAt: number,
  workerId: string,
  usage: ResourceUsage | undefined,
  facts: AttemptFacts | undefined,
  output: StoredOutput,
) => void;

/**
 * Reads an `attempt-succeeded` record without making one: nearly all records of a large journal are such, and what is made of each
 * is what reading it costs. False, with nothing read, where another record comes.
 */
export function readSuccess(reader: ByteReader, workerBefore: string, take: TakeSuccess): boolean {
  if (reader.buffer[reader.at] !== kinds["attempt-succeeded"]) return false;
  reader.at++;
  const task = reader.varint();
  const attempt = reader.varint();
  const at = reader.double();
  const startedAt = reader.double();
  const readyAt = reader.double();
  const workerId = reader.textLike(workerBefore);
  const flags = reader.byte();
  const usage = (flags & flag.usage) === 0 ? undefined : readObject<ResourceUsage>(reader);
  const facts = (flags & flag.facts) === 0 ? undefined : readObject<AttemptFacts>(reader);
  take(task, attempt, at, startedAt, readyAt, workerId, usage, facts, readOutput(reader, flags));
  return true;
}

function readObject<Fields extends object>(reader: ByteReader): Fields {
  const fields = decodeValue(reader);
  if (typeof fields !== "object" || fields === null) throw new MalformedBytes("has a value where fields should be");
  return fields as Fields;
}

function readOutput(reader: ByteReader, flags: number): StoredOutput {
  return (flags & flag.file) === 0 ? { value: decodeValue(reader) } : { file: reader.text(), bytes: reader.varint() };
}

/** The next record. @throws MalformedBytes */
export function decodeRecord(reader: ByteReader): JournalRecord {
  const kind = reader.byte();
  const type = typeOfKind.get(kind);
  if (type === undefined) throw new MalformedBytes(`has a record of an unknown kind, ${kind}`);
  if (type === "attempt-started") return decodeStarted(reader);
  if (type === "attempt-succeeded") return decodeSucceeded(reader);
  const fields = decodeValue(reader);
  if (!hasItsFields(type, fields))
    throw new MalformedBytes(`has a record of kind ${type} with fields that are not its own`);
  return { type, ...fields } as JournalRecord;
}

function decodeStarted(reader: ByteReader): AttemptStartedRecord {
  return {
    type: "attempt-started",
    task: reader.varint(),
    attempt: reader.varint(),
    at: reader.double(),
    readyAt: reader.double(),
    workerId: reader.text(),
  };
}

function decodeSucceeded(reader: ByteReader): AttemptSucceededRecord {
  const head = {
    type: "attempt-succeeded",
    task: reader.varint(),
    attempt: reader.varint(),
    at: reader.double(),
    startedAt: reader.double(),
    readyAt: reader.double(),
    workerId: reader.text(),
  } as const;
  const flags = reader.byte();
  const usage = (flags & flag.usage) === 0 ? undefined : readObject<ResourceUsage>(reader);
  const facts = (flags & flag.facts) === 0 ? undefined : readObject<AttemptFacts>(reader);
  const output = readOutput(reader, flags);
  return { ...head, ...(usage && { usage }), ...(facts && { facts }), output };
}
