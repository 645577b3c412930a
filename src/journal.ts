/** `orchestrator-executor/journal`: what journals of earlier runs tell. (A run is journalled by the option `journal` of `run`.) */
export type { JournalHolder } from "./journal/lock.js";
export { type JournalledRun, readJournal } from "./journal/read-journal.js";
export { type ListedRun, listRuns } from "./journal/run-folders.js";
