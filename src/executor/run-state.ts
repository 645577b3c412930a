/** What the parts of a run share. */
import type { SchedulerEvent } from "../core/event.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Task } from "../model/task.js";
import type { Clock } from "../port/clock.js";
import type { BatchWatch } from "./batch-watch.js";
import type { ResolvedConfig } from "./config.js";
import type { JournalGate } from "./journal-gate.js";
import type { Outcomes } from "./outcomes.js";
import type { RunReporter } from "./run-reporter.js";

/** Task numbers by id. */
export interface TaskNumbers {
  get(id: string): number | undefined;
  /** Gives an id that has none its number. */
  set(id: string, number: number): void;
}

export interface RunState {
  readonly id: string;
  /** Whether it is a stream. */
  readonly open: boolean;
  readonly tasks: Task[];
  readonly numbers: TaskNumbers;
  readonly scheduler: Scheduler;
  readonly outcomes: Outcomes;
  readonly reporter: RunReporter;
  readonly clock: Clock;
  readonly config: ResolvedConfig;
  readonly random: () => number;
  /** Whether events wait to be taken. */
  readonly busy: boolean;
  /** Made with the first attempt at batch work. */
  batches: BatchWatch | undefined;
  /** Where the run is journalled. */
  readonly gate: JournalGate | undefined;
  /** Hands an event to the scheduler, after those that wait. */
  send(event: SchedulerEvent): void;
  /** Has the scheduler take an event before this returns; what it answers is carried out in turn. */
  sendNow(event: SchedulerEvent): void;
}
