/**
 * What the records of a journal amount to: a fold. Each record changes the state that the ones before it gave, and nothing
 * else is looked at, so the same records always mean the same.
 *
 * A task's end is in the journal before anything that depends on it starts; its start may come late, by at most a turn of
 * the event loop of the process that died, and then the attempt's number is given again.
 */
import type { ErrorData } from "../model/error.js";
import type { AttemptFacts, FailureReason, ResourceUsage, TaskStatus } from "../model/result.js";
import { type ByteReader, MalformedBytes } from "./bytes.js";
import type {
  AddedTask,
  AttemptFailedRecord,
  AttemptStartedRecord,
  AttemptSucceededRecord,
  ConditionDecidedRecord,
  GraphRecord,
  JournalRecord,
  OpenedRecord,
  ResumedRecord,
  RunEndedRecord,
  StoredOutput,
  TaskEndedRecord,
  TasksAddedRecord,
} from "./record.js";
import { decodeRecord, readSuccess, type TakeSuccess } from "./record.js";

/** How a task ended. */
export interface RecordedEnd {
  readonly status: TaskStatus;
  readonly at: number;
  readonly output?: StoredOutput;
  readonly error?: ErrorData;
  readonly reason?: FailureReason;
}

/** A task as far as it has come. */
export class RecordedTask {
  attempts = 0;
  uncharged = 0;
  lost = false;
  running = false;
  decided = false;
  readyAt = 0;
  firstStartedAt = 0;
  startedAt = 0;
  workerId: string | undefined;
  usage: ResourceUsage | undefined;
  facts: AttemptFacts | undefined;
  failure: AttemptFailedRecord | undefined;
  end: RecordedEnd | undefined;
  /** For a task that was added by another: by which, and what it is. */
  parent = -1;
  added: AddedTask | undefined;
  /** The task that added it in an earlier attempt, and may add it again. */
  addedBy: RecordedTask | undefined;
}

export class History {
  opened: OpenedRecord | undefined;
  /** What the first process that had something to say said of the run, or a later one. */
  about: unknown;
  graph: GraphRecord | undefined;
  ended: RunEndedRecord | undefined;
  /** Processes that have written it. */
  processes = 0;
  firstAt = 0;
  lastAt = 0;
  /** By number. */
  readonly tasks: (RecordedTask | undefined)[] = [];
  /** Tasks by id that an earlier attempt of their parent added, and that its present one may add again. */
  readonly orphans = new Map<string, RecordedTask>();
  readonly #running = new Set<RecordedTask>();

  #worker = "inline";

  /** Applies the next record of a journal. @throws MalformedBytes */
  readonly read = (reader: ByteReader): void => {
    if (readSuccess(reader, this.#worker, this.#takeSuccess)) return;
    const record = decodeRecord(reader);
    try {
      this.apply(record);
    } catch (error) {
      if (error instanceof MalformedBytes) throw error;
      throw new MalformedBytes(`has a record of kind ${record.type} that does not fit those before it`);
    }
  };

  readonly #takeSuccess: TakeSuccess = (number, attempt, at, startedAt, readyAt, workerId, usage, facts, output) => {
    this.#worker = workerId;
    const task = this.#task(number);
    beginAttempt(task, attempt, readyAt, workerId, startedAt);
    task.usage = usage;
    task.facts = facts;
    task.end = { status: "succeeded", at, output };
    if (at > this.lastAt) this.lastAt = at;
    if (!task.running) return;
    task.running = false;
    this.#running.delete(task);
  };

  /** @throws MalformedBytes for a record that cannot follow those before it. */
  apply(record: JournalRecord): void {
    switch (record.type) {
      case "opened":
        this.#open(record);
        break;
      case "graph":
        this.graph = record;
        break;
      case "resumed":
        this.#resume(record);
        break;
      case "attempt-started":
        this.#started(record);
        break;
      case "attempt-succeeded":
        this.#succeeded(record);
        break;
      case "attempt-failed":
        this.#failed(record);
        break;
      case "condition-decided":
        this.#decided(record);
        break;
      case "task-ended":
        this.#ended(record);
        break;
      case "tasks-added":
        this.#added(record);
        break;
      case "run-ended":
        this.ended = record;
        break;
      default:
        // For readers; no state hangs on it.
        break;
    }
    if ("at" in record) this.lastAt = Math.max(this.lastAt, record.at);
  }

  /** Tasks of the present graph, whether begun or not; the numbers from here on are of added ones. */
  get planCount(): number {
    return this.graph?.ids.length ?? 0;
  }

  get count(): number {
    return Math.max(this.planCount, this.tasks.length);
  }

  idOf(task: number): string {
    const id = task < this.planCount ? this.graph!.ids[task] : this.tasks[task]?.added?.id;
    if (id === undefined) throw new MalformedBytes(`names task ${task}, which is not in the graph`);
    return id;
  }

  #open(record: OpenedRecord): void {
    if (this.opened === undefined) this.firstAt = record.at;
    this.opened = record;
    this.processes++;
    if (record.about !== undefined) this.about = record.about;
    this.ended = undefined;
    this.interrupt();
  }

  /** What ran ran on in nobody: its process is gone. */
  interrupt(): void {
    for (const task of this.#running) {
      task.running = false;
      task.uncharged++;
    }
    this.#running.clear();
  }

  /** Forgets how the task ended; the number of its attempts is counted on, and none is charged. */
  static runAgain(task: RecordedTask): void {
    task.end = undefined;
    task.failure = undefined;
    task.decided = false;
    task.lost = false;
    task.firstStartedAt = 0;
    task.uncharged = task.attempts;
  }

  #resume({ from, again, withoutAdditions }: ResumedRecord): void {
    if (from !== undefined) this.#renumber(from);
    this.#dropOrphans(withoutAdditions);
    for (const number of again) {
      const task = this.tasks[number];
      if (task !== undefined) History.runAgain(task);
    }
  }

  #renumber(from: Int32Array): void {
    const before = this.tasks.slice();
    const numberOf = new Int32Array(before.length).fill(-1);
    this.tasks.length = 0;
    for (let number = 0; number < from.length; number++) {
      const old = from[number]!;
      this.tasks.push(old < 0 ? undefined : before[old]);
      if (old >= 0) numberOf[old] = number;
    }
    for (let old = 0; old < before.length; old++) {
      const task = before[old];
      if (numberOf[old]! >= 0 || task?.added === undefined) continue;
      task.addedBy = before[task.parent];
      this.orphans.set(task.added.id, task);
    }
    for (const task of this.tasks) if (task !== undefined && task.parent >= 0) task.parent = numberOf[task.parent]!;
  }

  /** Keeps of the orphans those whose parent, or whose parent's parent and so on, goes on with the same inputs. */
  #dropOrphans(withoutAdditions: Int32Array): void {
    if (this.orphans.size === 0) return;
    const goOn = new Set(this.tasks);
    for (const number of withoutAdditions) goOn.delete(this.tasks[number]);
    const stays = (task: RecordedTask): boolean => {
      const parent = task.addedBy;
      if (parent === undefined) return false;
      return (
        goOn.has(parent) ||
        (parent.added !== undefined && this.orphans.get(parent.added.id) === parent && stays(parent))
      );
    };
    for (const [id, task] of [...this.orphans]) if (!stays(task)) this.orphans.delete(id);
  }

  #task(number: number): RecordedTask {
    const known = this.tasks[number];
    if (known !== undefined) return known;
    this.idOf(number);
    const task = new RecordedTask();
    this.tasks[number] = task;
    return task;
  }

  #started(record: AttemptStartedRecord): void {
    const task = this.#task(record.task);
    beginAttempt(task, record.attempt, record.readyAt, record.workerId, record.at);
    task.running = true;
    this.#running.add(task);
  }

  #succeeded(record: AttemptSucceededRecord): void {
    const task = this.#endAttempt(record);
    task.end = { status: "succeeded", at: record.at, output: record.output };
  }

  #failed(record: AttemptFailedRecord): void {
    const task = this.#endAttempt(record);
    if (record.outcome === "cancelled") task.uncharged++;
    else if (record.outcome === "lost" && !task.lost) task.lost = true;
    else task.failure = record;
  }

  #endAttempt(record: AttemptSucceededRecord | AttemptFailedRecord): RecordedTask {
    const task = this.#task(record.task);
    beginAttempt(task, record.attempt, record.readyAt, record.workerId, record.startedAt);
    task.usage = record.usage;
    task.facts = record.facts;
    task.running = false;
    this.#running.delete(task);
    return task;
  }

  #decided({ task: number, verdict, at, error }: ConditionDecidedRecord): void {
    const task = this.#task(number);
    if (verdict === "run") task.decided = true;
    else if (verdict === "skip") {
      const reason = error === undefined ? { kind: "condition" } : { kind: "condition", detail: error.message };
      task.end = { status: "skipped", at, reason: reason as FailureReason, ...(error && { error }) };
    } else task.end = { status: "failed", at, reason: { kind: "error" }, ...(error && { error }) };
  }

  #ended({ task: number, status, at, error, reason }: TaskEndedRecord): void {
    const task = this.#task(number);
    task.end = { status, at, error, reason };
    task.running = false;
    this.#running.delete(task);
  }

  #added({ parent, tasks }: TasksAddedRecord): void {
    for (const added of tasks) {
      const past = added.past === undefined ? undefined : this.orphans.get(added.id);
      if (past !== undefined) past.addedBy = undefined;
      this.orphans.delete(added.id);
      const task = past ?? new RecordedTask();
      if (added.past === "again") History.runAgain(task);
      task.parent = parent;
      task.added = added;
      this.tasks[this.count] = task;
    }
  }
}

function beginAttempt(task: RecordedTask, attempt: number, readyAt: number, workerId: string, startedAt: number): void {
  if (attempt > task.attempts) {
    if (task.firstStartedAt === 0) task.firstStartedAt = startedAt;
    task.attempts = attempt;
    task.failure = undefined;
  }
  task.readyAt = readyAt;
  task.startedAt = startedAt;
  task.workerId = workerId;
}
