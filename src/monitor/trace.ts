/**
 * A run as a trace file in the Trace Event Format (the JSON array that Chrome's about:tracing and Perfetto open): a track for
 * each worker, an arrow from each dependency to the attempt that waited for it, and counters of what is in use.
 *
 * An attempt is written when it ends, as one complete event, with its arrows after it: events of one time are taken in the
 * order of the file, and an arrow binds to the slice that is open at its time. So what is kept is what runs, and for each
 * task where it ended (12 bytes and its place in an index). The format lets the closing bracket be missing, so the trace of
 * a run that was killed opens too.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { TaskIndex } from "../core/task-index.js";
import type { AttemptEndedEvent, AttemptStartedEvent, RunEvent, RunStartedEvent } from "../model/event.js";
import type { Observer } from "../port/observer.js";
import { Tracks } from "./trace-tracks.js";

/** What a trace shows. */
export interface TraceOptions {
  /** Whether arrows show what waited for what. Default `true`. */
  readonly flows?: boolean;
}

const bufferedCharacters = 1 << 16;

interface Running {
  readonly track: number;
  readonly at: number;
  readonly resources: Readonly<Record<string, number>>;
  holds: boolean;
}

/**
 * Writes what it observes to a file. Add it to an executor (`monitor`) or a run (`run.observe`), and `close` it after.
 *
 * @example
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * const trace = new TraceWriter(join(tmpdir(), "example.trace.json"));
 * await using executor = new ParallelExecutor({ monitor: trace });
 * await executor.executeTasks([{ id: "load", run: () => 1 }]);
 * trace.close();
 */
export class TraceWriter implements Observer {
  readonly #file: number;
  readonly #flows: boolean;
  readonly #runs = new Map<string, TracedRun>();
  #buffer = "[\n";
  #first = true;
  #processes = 0;
  #flowIds = 0;
  /** Where the time of the file begins: times since the epoch have too many digits for nanoseconds. */
  #startedAt: number | undefined;
  #closed = false;

  /** Creates the file, or empties it. @throws whatever the file system does. */
  constructor(path: string, options: TraceOptions = {}) {
    this.#file = openSync(path, "w");
    this.#flows = options.flows ?? true;
  }

  /** Writes one event. Executors call it. */
  observe(event: RunEvent): void {
    if (this.#closed) return;
    let run = this.#runs.get(event.runId);
    if (run === undefined) {
      this.#startedAt ??= event.at;
      run = new TracedRun({
        process: ++this.#processes,
        flows: this.#flows,
        nextFlow: () => ++this.#flowIds,
        startedAt: this.#startedAt,
        write: (entry) => this.#write(entry),
      });
      run.begin(event);
      this.#runs.set(event.runId, run);
    }
    run.observe(event);
    if (event.type === "run-ended") this.#runs.delete(event.runId);
  }

  /** Ends the file. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer += "\n]\n";
    this.#flush();
    closeSync(this.#file);
  }

  #write(entry: object): void {
    this.#buffer += `${this.#first ? "" : ",\n"}${JSON.stringify(entry)}`;
    this.#first = false;
    if (this.#buffer.length >= bufferedCharacters) this.#flush();
  }

  #flush(): void {
    writeSync(this.#file, this.#buffer);
    this.#buffer = "";
  }
}

/**
 * Writes the trace of events that were kept: those of a journal, say.
 *
 * @example
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * await using executor = new ParallelExecutor();
 * await using run = executor.run([{ id: "load", run: () => 1 }]);
 * await writeTrace(join(tmpdir(), "example-run.trace.json"), run);
 */
export async function writeTrace(
  path: string,
  events: Iterable<RunEvent> | AsyncIterable<RunEvent>,
  options: TraceOptions = {},
): Promise<void> {
  const writer = new TraceWriter(path, options);
  try {
    for await (const event of events) writer.observe(event);
  } finally {
    writer.close();
  }
}

interface TraceSink {
  readonly process: number;
  readonly flows: boolean;
  readonly startedAt: number;
  nextFlow(): number;
  write(entry: object): void;
}

class TracedRun {
  readonly #sink: TraceSink;
  readonly #tracks: Tracks;
  readonly #running = new Map<string, Running>();
  readonly #ends = new TaskEnds();
  readonly #inUse = new Map<string, number>([
    ["slots", 0],
    ["ready", 0],
  ]);
  readonly #changed = new Set<string>();
  #changedAt = 0;

  constructor(sink: TraceSink) {
    this.#sink = sink;
    this.#tracks = new Tracks((track, name) => {
      this.#meta("thread_name", track, { name });
      this.#meta("thread_sort_index", track, { sort_index: track });
    });
  }

  begin({ runId, ...event }: RunEvent): void {
    const graph = event.type === "run-started" ? `${event.graph} ` : "";
    this.#meta("process_name", 0, { name: `${graph}${runId}` });
  }

  observe(event: RunEvent): void {
    switch (event.type) {
      case "run-started":
        if (this.#sink.flows) this.#ends.begin(event);
        return;
      case "tasks-added":
        event.taskIds.forEach((id, place) => void this.#ends.add(id, event.added?.[place]?.dependsOn ?? []));
        return;
      case "task-ready":
        this.#count("ready", 1, event.at);
        return;
      case "attempt-started":
        this.#started(event);
        return;
      case "attempt-ended":
        this.#ended(event);
        return;
      case "task-suspended":
      case "task-resumed":
        this.#hold(event.taskId, event.type === "task-resumed", event.at);
        return;
      case "task-ended":
        if (event.wasReady) this.#count("ready", -1, event.at);
        return;
      case "cancel-requested":
        this.#write({
          ph: "i",
          s: "p",
          name: `cancel: ${event.message}`,
          cat: "run",
          ts: this.#at(event.at),
          tid: 0,
        });
        return;
      case "run-ended":
        this.#writeCounts();
        return;
      default:
        return;
    }
  }

  #started({ taskId, workerId, at, resources = {} }: AttemptStartedEvent): void {
    this.#count("ready", -1, at);
    this.#running.set(taskId, { track: this.#tracks.take(workerId), at, resources, holds: false });
    this.#hold(taskId, true, at);
  }

  #ended(event: AttemptEndedEvent): void {
    const { taskId, name, attempt, outcome, at, error, retryAt, facts, resourceUsage } = event;
    const running = this.#running.get(taskId);
    if (running === undefined) return;
    this.#hold(taskId, false, at);
    this.#running.delete(taskId);
    this.#tracks.giveBack(running.track);
    const [start, end] = [this.#at(running.at), this.#at(at)];
    const told = { attempt, outcome, error: error?.message, retryAt, facts, resourceUsage };
    const slice = { ts: start, dur: round(end - start), tid: running.track };
    this.#write({
      ph: "X",
      name: taskId,
      cat: name,
      ...slice,
      args: told,
      ...(outcome !== "succeeded" && { cname: "terrible" }),
    });
    if (!this.#sink.flows) return;
    if (attempt === 1) this.#arrows(taskId, start, running.track);
    this.#ends.ended(taskId, running.track, Math.max(start, end - 0.001));
  }

  #arrows(taskId: string, start: number, track: number): void {
    this.#ends.dependencies(taskId, (from, at) => {
      const flow = { name: "dependency", cat: "dependency", id: this.#sink.nextFlow() };
      this.#write({ ph: "s", ...flow, ts: round(at), tid: from });
      this.#write({ ph: "f", bp: "e", ...flow, ts: start, tid: track });
    });
  }

  #hold(taskId: string, holds: boolean, at: number): void {
    const running = this.#running.get(taskId);
    if (running === undefined || running.holds === holds) return;
    running.holds = holds;
    const sign = holds ? 1 : -1;
    this.#count("slots", sign, at);
    for (const [resource, amount] of Object.entries(running.resources)) this.#count(resource, sign * amount, at);
  }

  /** Counters are written when time goes on: what changes and changes back at one time is no use of anything. */
  #count(resource: string, amount: number, at: number): void {
    if (at !== this.#changedAt) this.#writeCounts();
    this.#changedAt = at;
    this.#changed.add(resource);
    this.#inUse.set(resource, Math.max(0, Math.round(((this.#inUse.get(resource) ?? 0) + amount) * 1e6) / 1e6));
  }

  #writeCounts(): void {
    for (const resource of this.#changed) {
      const args = { [resource === "ready" ? "waiting" : "in use"]: this.#inUse.get(resource) };
      this.#write({ ph: "C", name: resource, ts: this.#at(this.#changedAt), tid: 0, args });
    }
    this.#changed.clear();
  }

  /** Microseconds from where the file begins. */
  #at(at: number): number {
    return round(Math.max(0, at - this.#sink.startedAt) * 1000);
  }

  #meta(name: string, tid: number, args: object): void {
    this.#write({ ph: "M", name, ts: 0, tid, args });
  }

  #write(entry: object): void {
    this.#sink.write({ ...entry, pid: this.#sink.process });
  }
}

/** Where tasks ended, and what each depends on. */
class TaskEnds {
  readonly #numbers = new TaskIndex();
  #outline: RunStartedEvent["outline"];
  readonly #added = new Map<number, readonly string[]>();
  #tracks = new Int32Array(0);
  #times = new Float64Array(0);

  begin({ outline }: RunStartedEvent): void {
    this.#outline = outline;
    for (let task = 0; task < (outline?.size ?? 0); task++) this.#numbers.add(outline!.taskId(task));
    this.#grow(outline?.size ?? 0);
  }

  add(id: string, dependsOn: readonly string[]): void {
    if (this.#numbers.add(id) >= 0) return;
    this.#added.set(this.#numbers.size - 1, dependsOn);
    this.#grow(this.#numbers.size);
  }

  ended(id: string, track: number, at: number): void {
    const task = this.#numbers.numberOf(id);
    if (task < 0) return;
    this.#tracks[task] = track;
    this.#times[task] = at;
  }

  /** Tells of each dependency that ended where and when. */
  dependencies(id: string, tell: (track: number, at: number) => void): void {
    const task = this.#numbers.numberOf(id);
    if (task < 0) return;
    const added = this.#added.get(task)?.map((dependency) => this.#numbers.numberOf(dependency));
    for (const dependency of Array.from(added ?? this.#outline?.dependencies(task) ?? []))
      if (dependency >= 0 && this.#tracks[dependency]! > 0) tell(this.#tracks[dependency]!, this.#times[dependency]!);
  }

  #grow(size: number): void {
    if (size <= this.#tracks.length) return;
    const capacity = Math.max(size, this.#tracks.length * 2);
    const [tracks, times] = [new Int32Array(capacity), new Float64Array(capacity)];
    tracks.set(this.#tracks);
    times.set(this.#times);
    this.#tracks = tracks;
    this.#times = times;
  }
}

/** To the nanosecond, which is the finest that the format takes. */
function round(amount: number): number {
  return Math.round(amount * 1000) / 1000;
}
