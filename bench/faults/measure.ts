/** How long after its start a run has its verdict when what carries it fails, and what goal that is held to. */
import type { SandboxExecutionResult } from "#src/sandbox.js";
import type { Goal, Table } from "../lib/report.js";

/** Beyond the time limit. */
const graceSeconds = 2;

export interface Fault {
  readonly what: string;
  readonly verdict: string;
  readonly limitSeconds: number;
  readonly seconds: number;
  /** Whether the next run was well, and nothing of the one that failed was left. */
  readonly healed: boolean;
}

export interface Provoked {
  /** Starts the run, and does the harm once it has begun. */
  readonly result: Promise<SandboxExecutionResult>;
  /** When the clock of the run began. */
  readonly startedAt: number;
}

export async function measureFault(
  what: string,
  limitSeconds: number,
  provoke: () => Promise<Provoked>,
  isWell: () => Promise<boolean>,
): Promise<Fault> {
  const { result, startedAt } = await provoke();
  const { verdict } = await result;
  const seconds = (performance.now() - startedAt) / 1000;
  return { what, verdict, limitSeconds, seconds, healed: await isWell() };
}

/** Nothing where none was measured. */
export function presentFaults(faults: readonly Fault[]): {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
} {
  if (faults.length === 0) return { tables: [], goals: [] };
  const table: Table = {
    title: "When what carries a run fails",
    head: ["", "verdict", "time limit", "verdict after, s", "next run well, nothing left"],
    rows: faults.map(({ what, verdict, limitSeconds, seconds, healed }) => [
      what,
      verdict,
      `${limitSeconds} s`,
      seconds.toFixed(1),
      healed ? "yes" : "no",
    ]),
  };
  const beyond = Math.max(...faults.map(({ seconds, limitSeconds }) => seconds - limitSeconds));
  const goal: Goal = {
    what: `${faults.length} faults: the verdict, and what is left behind`,
    goal: `a verdict within the time limit + ${graceSeconds} s, the next run well, nothing left`,
    measured: `at the latest ${Math.abs(beyond).toFixed(1)} s ${beyond < 0 ? "before" : "after"} the limit; ${faults.filter(({ healed }) => healed).length} of ${faults.length} healed`,
    met: beyond <= graceSeconds && faults.every(({ healed }) => healed),
  };
  return { tables: [table], goals: [goal] };
}
