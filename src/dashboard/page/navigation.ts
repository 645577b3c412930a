/** Which tasks are shown, and which comes next. */
import { stateCode, type TaskStateName, taskStates } from "../protocol.ts";
import type { RunView } from "./run-view.ts";

/** The next task after `from` that failed or timed out, round and round; `from` where there is none. */
export function nextTroubled(shown: RunView | undefined, from: number | undefined): number | undefined {
  if (shown === undefined) return from;
  const start = from === undefined ? 0 : from + 1;
  for (let step = 0; step < shown.size; step++) {
    const task = (start + step) % shown.size;
    const state = shown.state[task]!;
    if (state === stateCode.failed || state === stateCode["timed-out"]) return task;
  }
  return from;
}

/** Whether a task has the words that are searched for: in its id, its kind, its worker or its note. */
export function matcher(shown: RunView, words: string): ((task: number) => boolean) | undefined {
  const wanted = words.trim().toLowerCase();
  if (wanted === "") return undefined;
  const kinds = shown.kindNames.map((name) => name.toLowerCase().includes(wanted));
  const notes = shown.notes.map((text) => text.toLowerCase().includes(wanted));
  const workers = shown.workers.map((text) => text.toLowerCase() === wanted);
  return (task) =>
    kinds[shown.kinds[task]!] === true ||
    notes[shown.note[task]!] === true ||
    workers[shown.worker[task]!] === true ||
    (shown.ids[task]?.toLowerCase().includes(wanted) ?? false);
}

/** Codes of the states that are shown; `undefined` for all. */
export function codesOf(filter: ReadonlySet<TaskStateName>): ReadonlySet<number> | undefined {
  return filter.size === 0 ? undefined : new Set([...filter].map((name) => taskStates.indexOf(name)));
}
