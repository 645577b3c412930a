/** The runs that a page can look at: those of executors while they go on, and those that journals tell of. */
import type { ParallelExecutor } from "../executor/parallel-executor.js";
import type { Run } from "../executor/run.js";
import type { RunEvent } from "../model/event.js";
import type { Observer } from "../port/observer.js";
import type { DetailBounds } from "./model/details.js";
import { RunModel } from "./model/run-model.js";
import type { RunList } from "./protocol.js";
import { type RunControl, RunEntry } from "./server/run-entry.js";

/** Runs that are kept; beyond that, those that ended first are let go. */
const mostRuns = 50;

export class RunCollection implements Observer {
  /** Grows whenever the list of runs or the state of one has changed. */
  version = 0;
  readonly #entries = new Map<string, RunEntry>();
  readonly #bounds: DetailBounds;

  constructor(bounds: DetailBounds = {}) {
    this.#bounds = bounds;
  }

  get(id: string): RunEntry | undefined {
    return this.#entries.get(id);
  }

  list(): RunList {
    const runs = [...this.#entries.values()].map((entry) => entry.summary());
    return { runs: runs.sort((left, right) => right.startedAt - left.startedAt) };
  }

  /** The runs in progress, for keeping their clocks. */
  *live(): Generator<RunEntry> {
    for (const entry of this.#entries.values()) if (!entry.model.ended) yield entry;
  }

  /** Follows a run from its next event on. With its executor, what did not succeed can be run again. */
  addRun(run: Run, executor?: Pick<ParallelExecutor, "rerun">): void {
    if (this.#entries.has(run.id)) return;
    const control: RunControl = {
      cancel: (reason) => run.cancel(reason),
      cancelTask: (taskId) => run.cancelTask(taskId),
      ...(executor !== undefined && {
        retry: (taskId) => this.#rerun(run, executor, taskId),
      }),
    };
    const model = this.#add(run.id, control);
    run.observe({ observe: (event) => this.#tell(model, event) });
  }

  /** Told of the events of any run: one that is not known yet is added, without buttons. */
  observe(event: RunEvent): void {
    const model = this.#entries.get(event.runId)?.model ?? this.#add(event.runId, undefined);
    this.#tell(model, event);
  }

  #tell(model: RunModel, event: RunEvent): void {
    model.observe(event);
    if (event.taskId === undefined) this.version++;
  }

  #rerun(run: Run, executor: Pick<ParallelExecutor, "rerun">, taskId: string | undefined): string {
    const again = executor.rerun(run, {
      runId: this.#freeId(run.id),
      ...(taskId !== undefined && { taskIds: [taskId] }),
    });
    this.addRun(again, executor);
    return again.id;
  }

  /** `r.2`, `r.3` and so on for the second and third run of `r`. */
  #freeId(id: string): string {
    const base = id.replace(/\.\d+$/, "").slice(0, 190);
    let number = 2;
    while (this.#entries.has(`${base}.${number}`)) number++;
    return `${base}.${number}`;
  }

  #add(id: string, control: RunControl | undefined): RunModel {
    const model = new RunModel(id, this.#bounds);
    this.#entries.set(id, new RunEntry(model, control));
    this.version++;
    for (const [other, entry] of this.#entries) {
      if (this.#entries.size <= mostRuns) break;
      if (entry.model.ended) this.#entries.delete(other);
    }
    return model;
  }
}
