/**
 * Reads the answers to a coordinator, over a connection of its own that waits for them: those in its inbox, where answers
 * to all runs come that nobody else will go on with, and those in the streams of runs that may be taken over. An entry
 * names its run. A run that is added while the connection waits wakes it by an entry in the inbox.
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
const trimEveryMs = 200;
/** Id of the entry that makes an inbox. */
export const firstEntry = "0-1";
/** Instead of a run's id, in an entry that is no answer. */
export const noRun = "";

interface Cursor {
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
  /** Key of the coordinator's inbox. */
  readonly inboxKey: string;
  readonly onAnswer: (runId: string, text: string) => void;
}

export class AnswerReader {
  readonly #parts: AnswerReaderParts;
  /** By key; that of the inbox is always there. */
  readonly #cursors = new Map<string, Cursor>();
  #wanted = false;
  #reading = false;
  #closed = false;
  #trimmedAt = 0;
  caughtUpAt = 0;

  constructor(parts: AnswerReaderParts) {
    this.#parts = parts;
    this.#cursors.set(parts.inboxKey, newCursor(firstEntry));
    parts.redis.on("ready", () => {
      hold(parts.redis, this.#wanted);
      for (const cursor of this.#cursors.values()) cursor.last = "0";
    });
  }

  /** Reads until nothing is wanted any more. */
  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    hold(this.#parts.redis, wanted);
    if (wanted && !this.#reading) void this.#read();
  }

  /** Reads the stream of this run too. */
  add(runId: string): void {
    this.#cursors.set(this.#parts.keys.answers(runId), newCursor("0"));
    this.#parts.commands.xadd(this.#parts.inboxKey, "*", noRun, "").catch(() => {});
  }

  remove(runId: string): void {
    this.#cursors.delete(this.#parts.keys.answers(runId));
  }

  close(): void {
    this.#closed = true;
    this.#wanted = false;
  }

  /** Removes what was taken long enough ago. */
  trim(): void {
    const now = performance.now();
    if (now - this.#trimmedAt < trimEveryMs) return;
    this.#trimmedAt = now;
    for (const [key, cursor] of this.#cursors) this.#trimOne(key, cursor, now - keepMs);
  }

  #trimOne(key: string, cursor: Cursor, before: number): void {
    let last: string | undefined;
    while (cursor.taken.length > 0 && (cursor.taken[0]!.at < before || cursor.takenBytes > keepBytes)) {
      const { id, bytes } = cursor.taken.shift()!;
      cursor.takenBytes -= bytes;
      last = id;
    }
    if (last !== undefined) this.#parts.commands.xtrim(key, "MINID", after(last)).catch(() => {});
  }

  async #read(): Promise<void> {
    this.#reading = true;
    const { redis } = this.#parts;
    while (this.#wanted) {
      try {
        const began = performance.now();
        const keys = [...this.#cursors.keys()];
        const ids = [...this.#cursors.values()].map(({ last }) => last);
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
    if (this.#closed) return;
    // Nobody waits for anything, and nobody takes over what came here.
    const { inboxKey } = this.#parts;
    this.#trimOne(inboxKey, this.#cursors.get(inboxKey)!, Number.POSITIVE_INFINITY);
  }

  #take(key: string, entries: Entries): void {
    const cursor = this.#cursors.get(key);
    if (cursor === undefined) return;
    let bytes = 0;
    for (const [, fields] of entries) {
      const [runId, text] = fields as [string, string];
      if (runId === noRun) continue;
      bytes += text.length;
      this.#parts.onAnswer(runId, text);
    }
    cursor.last = entries.at(-1)![0];
    cursor.taken.push({ id: cursor.last, at: performance.now(), bytes });
    cursor.takenBytes += bytes;
  }
}

function newCursor(last: string): Cursor {
  return { last, taken: [], takenBytes: 0 };
}

/** The id that follows: `MINID` keeps what it names. */
function after(id: string): string {
  const [time, sequence] = id.split("-");
  return `${time}-${Number(sequence) + 1}`;
}
