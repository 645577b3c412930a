/**
 * Reads the answers of all runs of a coordinator, over a connection of its own that waits for them. A run that is added
 * while it waits wakes it by an entry in a stream of the coordinator's own.
 *
 * Entries are not removed when they are read, but some time later: a coordinator that dies between reading an answer and
 * writing it into its journal finds it again. After a reconnection everything that is there is read again, because a
 * server that failed over may count its entries anew; the reader of answers knows what it has taken by its tokens.
 */
import type { Redis } from "ioredis";
import { hold } from "./connection.js";
import type { Keys } from "./keys.js";

const batch = 500;
const blockMs = 500;
const keepMs = 5000;
/** Answers that were taken are removed at once beyond so many bytes. */
const keepBytes = 16_000_000;

interface Cursor {
  readonly runId: string;
  last: string;
  /** Answers that were taken and can be removed later: ends of batches. */
  taken: { readonly id: string; readonly at: number; readonly bytes: number }[];
  takenBytes: number;
}

type Entries = [id: string, fields: string[]][];

export interface AnswerReaderParts {
  /** For reading, and nothing else: it blocks. */
  readonly redis: Redis;
  readonly commands: Redis;
  readonly keys: Keys;
  readonly coordinatorId: string;
  readonly onAnswer: (runId: string, text: string) => void;
}

export class AnswerReader {
  readonly #parts: AnswerReaderParts;
  readonly #cursors = new Map<string, Cursor>();
  #wakeId = "0";
  #reading = false;
  #closed = false;
  caughtUpAt = 0;

  constructor(parts: AnswerReaderParts) {
    this.#parts = parts;
    parts.redis.on("ready", () => {
      hold(parts.redis, this.#cursors.size > 0);
      for (const cursor of this.#cursors.values()) cursor.last = "0";
    });
  }

  /** Reads the answers to a run that come after this entry. */
  add(runId: string, last = "0"): void {
    this.#cursors.set(this.#parts.keys.answers(runId), { runId, last, taken: [], takenBytes: 0 });
    hold(this.#parts.redis, true);
    if (this.#reading) this.#wake();
    else void this.#read();
  }

  remove(runId: string): void {
    this.#cursors.delete(this.#parts.keys.answers(runId));
    if (this.#cursors.size === 0) hold(this.#parts.redis, false);
  }

  close(): void {
    this.#closed = true;
    this.#cursors.clear();
  }

  /** Removes what was taken long enough ago. */
  trim(): void {
    const before = performance.now() - keepMs;
    for (const [key, cursor] of this.#cursors) {
      let last: string | undefined;
      while (cursor.taken.length > 0 && (cursor.taken[0]!.at < before || cursor.takenBytes > keepBytes)) {
        const { id, bytes } = cursor.taken.shift()!;
        cursor.takenBytes -= bytes;
        last = id;
      }
      if (last !== undefined) this.#parts.commands.xtrim(key, "MINID", after(last)).catch(() => {});
    }
  }

  #wake(): void {
    const key = this.#parts.keys.wake(this.#parts.coordinatorId);
    this.#parts.commands
      .pipeline()
      .xadd(key, "MAXLEN", 1, "*", "wake", "1")
      .expire(key, 60)
      .exec()
      .catch(() => {});
  }

  async #read(): Promise<void> {
    this.#reading = true;
    const { redis } = this.#parts;
    while (this.#cursors.size > 0 && !this.#closed) {
      try {
        const began = performance.now();
        const keys = [this.#parts.keys.wake(this.#parts.coordinatorId), ...this.#cursors.keys()];
        const ids = [this.#wakeId, ...[...this.#cursors.values()].map(({ last }) => last)];
        const found = (await redis.xread("COUNT", batch, "BLOCK", blockMs, "STREAMS", ...keys, ...ids)) as
          | [string, Entries][]
          | null;
        const largest = Math.max(0, ...(found ?? []).map(([, entries]) => entries.length));
        for (const [key, entries] of found ?? []) this.#take(key, entries);
        if (largest < batch) this.caughtUpAt = began;
      } catch {
        if (this.#closed) break;
        // The connection reports what is wrong with it; meanwhile there is nothing to read.
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    this.#reading = false;
  }

  #take(key: string, entries: Entries): void {
    const cursor = this.#cursors.get(key);
    if (cursor === undefined) {
      this.#wakeId = entries.at(-1)?.[0] ?? this.#wakeId;
      return;
    }
    let bytes = 0;
    for (const [, fields] of entries) {
      if (fields[0] !== "m") continue;
      bytes += fields[1]!.length;
      this.#parts.onAnswer(cursor.runId, fields[1]!);
    }
    cursor.last = entries.at(-1)![0];
    cursor.taken.push({ id: cursor.last, at: performance.now(), bytes });
    cursor.takenBytes += bytes;
  }
}

/** The id that follows: `MINID` keeps what it names. */
function after(id: string): string {
  const [time, sequence] = id.split("-");
  return `${time}-${Number(sequence) + 1}`;
}
