/** Why tasks hit or missed: the parts of the last keys, by task, compared with those of the one before. */

/** What the cache made of a task the last time that it was asked. */
export interface CacheExplanation {
  /** Id of the task. */
  readonly taskId: string;
  /** What the cache did. */
  readonly outcome: "hit" | "stale" | "joined" | "miss" | "unkeyable";
  /** In words: why it was that. */
  readonly reason: string;
  /** On a miss, the parts of the key that differ from the last one known: `"version"`, `"work"`, `"files"`, `"inputs.rows"`. */
  readonly changed: readonly string[];
  /** Absent where there is none. */
  readonly key?: string;
  /** When that was, in milliseconds since the epoch. */
  readonly at: number;
}

/** The last key that a task's value was kept under. */
export interface KnownKey {
  readonly key: string;
  readonly digests: Readonly<Record<string, string>>;
  readonly explanation: CacheExplanation;
}

const mostTasks = 10_000;

export class Explanations {
  readonly #last = new Map<string, CacheExplanation>();

  get(taskId: string): CacheExplanation | undefined {
    return this.#last.get(taskId);
  }

  set(explanation: CacheExplanation): void {
    this.#last.delete(explanation.taskId);
    this.#last.set(explanation.taskId, explanation);
    if (this.#last.size > mostTasks) this.#last.delete(this.#last.keys().next().value!);
  }
}

/** Why a key was not there, from the last one known of the same task. */
export function explainMiss(
  { key, digests }: Pick<KnownKey, "key" | "digests">,
  known: KnownKey | undefined,
  absent: "absent" | "expired" | "invalidated",
): Pick<CacheExplanation, "reason" | "changed"> {
  if (known === undefined) return { reason: "nothing is known of this task yet", changed: [] };
  if (known.key === key) return { reason: sameKey[absent], changed: [] };
  const names = new Set([...Object.keys(known.digests), ...Object.keys(digests)]);
  const changed = [...names].filter((name) => known.digests[name] !== digests[name]).sort();
  if (changed.length === 0) return { reason: "the task's name differs from the last time", changed };
  return { reason: `${listed(changed)} ${changed.length === 1 ? "differs" : "differ"} from the last time`, changed };
}

const sameKey = {
  absent: "the value is not there any more: it made room for others, or was damaged",
  expired: "the value is past its time",
  invalidated: "the value was declared invalid",
};

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
