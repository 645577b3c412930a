/** What earlier processes did of a task, where a run is gone on with. */
import type { EndState } from "./task-table.js";

export interface TaskPast {
  /** Attempts that were started. */
  readonly attempts: number;
  /** Those among them that are not charged: they ended with the process that ran them. */
  readonly uncharged: number;
  /** Whether one died of another's fault, which is not charged either, once. */
  readonly lost: boolean;
  readonly readyAt: number;
  /** 0 where it begins anew: its times are counted from its next start. */
  readonly firstStartedAt: number;
  /** Start of the last attempt. */
  readonly startedAt: number;
  /** Whether its condition has been asked, and said yes. */
  readonly decided: boolean;
  /** How its last attempt failed, where another one may follow. */
  readonly failure?: {
    readonly at: number;
    readonly retryable: boolean;
    readonly random: number;
    readonly timedOut: boolean;
  };
  readonly end?: PastEnd;
}

export interface PastEnd {
  readonly state: EndState;
  readonly at: number;
  /** For a task that ended for another's sake: the task where that began. */
  readonly root?: number;
}
