/** Takes over what earlier processes did of a run, before it starts. */
import { EffectList } from "../core/containers.js";
import { emptyDemand } from "../core/limits.js";
import { plainPolicy } from "../core/policy.js";
import { isEnd } from "../core/task-table.js";
import type { RunJournal } from "../port/journal.js";
import type { RunState } from "./run-state.js";

export function restoreRun(run: RunState, journal: RunJournal): void {
  const { scheduler, outcomes } = run;
  const at = run.clock.now();
  // Nothing is to be done for what was done.
  const effects = new EffectList();
  for (const { task, past, told } of journal.takeRestored()) {
    outcomes.restore(task, told);
    scheduler.handle({ type: "task-restored", at, task, past }, effects);
  }
  if (journal.additions.length === 0) return;
  const numbers = scheduler.table.numbersForNext(journal.additions.length);
  for (const [place, { id, name, told }] of journal.additions.entries()) {
    run.tasks[numbers[place]!] = { id, name, run: restoredWork };
    run.numbers.set(id, numbers[place]!);
    outcomes.restore(numbers[place]!, told);
  }
  const definition = { dependencies: [], priority: 0, remainingPath: 0, policy: plainPolicy, demand: emptyDemand };
  const tasks = journal.additions.map(({ past }) => ({ ...definition, past }));
  scheduler.handle({ type: "tasks-added", at, parent: -1, tasks }, effects);
}

/** Tells whoever watches what was taken over, which is all that has ended before the start. */
export function reportRestored({ reporter, tasks, scheduler }: RunState, journal: RunJournal): void {
  if (journal.resumed === undefined || !reporter.observed) return;
  reporter.runResumed(journal.resumed);
  for (const { parent, task } of journal.additions) reporter.tasksAdded(parent, [tasks[task]!]);
  const { state, count } = scheduler.table;
  for (let task = 0; task < count; task++) if (isEnd(state[task]!)) reporter.taskRestored(task);
}

function restoredWork(): never {
  throw new Error("a task that ended in an earlier process is not run again");
}
