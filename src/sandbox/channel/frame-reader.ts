/**
 * Reads what a driver reports. Everything that arrives here may have been written by hostile code, which shares the
 * process with its driver.
 *
 *     frame := token SP kind SP size LF payload
 *
 * What the reader promises:
 *
 * - A frame counts only with the job's token, which was made at random for this job and told to the driver alone.
 *   Bytes without it (a program that writes into every descriptor it finds) are skipped, and the reader finds the
 *   next true frame behind them.
 * - Nothing of success rests on a frame: exit code, signal, limits and use are observed outside. A program that reads
 *   its driver's memory and signs a frame can choose its own `value`, which every program may do by assigning `result`,
 *   and describe its own failure; it cannot turn a failed run into a successful one, and a failed run has no value.
 * - Memory is bounded: a payload over its kind's limit, and bytes over `maximumBytes` in all, set `overflowed`, after
 *   which the reader drops everything. Each kind is kept once, the first of a job wins.
 */

export const frameKinds = [
  /** The result as JSON text. */
  "value",
  /** The result as plain text, from languages that have nothing else. */
  "string",
  /** What a notebook shows of the result. */
  "text",
  /** Why there is a result but no value. */
  "omitted",
  /** `{ type, message, traceback, line }` as JSON. */
  "error",
  /** A piece of a session has ended; its exit code in digits. */
  "done",
] as const;
export type FrameKind = (typeof frameKinds)[number];

export interface FrameLimits {
  readonly valueBytes: number;
  /** Of every other kind. */
  readonly otherBytes: number;
}

/** Longest `kind SP size LF` behind a token. */
const longestHeader = 32;
const headerPattern = /^ ([a-z]{1,12}) (\d{1,12})\n/;

export class FrameReader {
  readonly frames = new Map<FrameKind, Buffer>();
  /** More was written than any honest driver writes. */
  overflowed = false;
  readonly #token: Buffer;
  readonly #limits: FrameLimits;
  readonly #onFrame: ((kind: FrameKind) => void) | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes that `#pending` must hold before another look at it is worth the while. */
  #wanted = 1;
  #received = 0;
  readonly #maximumBytes: number;

  constructor(token: string, limits: FrameLimits, onFrame?: (kind: FrameKind) => void) {
    this.#token = Buffer.from(token, "latin1");
    this.#limits = limits;
    this.#onFrame = onFrame;
    // Every kind once, and as much garbage again.
    this.#maximumBytes = 2 * (2 * limits.valueBytes + 4 * limits.otherBytes) + 65_536;
  }

  push(chunk: Buffer): void {
    if (this.overflowed) return;
    this.#received += chunk.length;
    if (this.#received > this.#maximumBytes) {
      this.#overflow();
      return;
    }
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#wanted) return;
    let rest: Buffer | undefined = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending);
    this.#wanted = 1;
    while (rest !== undefined && !this.overflowed) {
      const next = this.#takeFrame(rest);
      if (next === undefined) break;
      rest = next;
    }
    if (!this.overflowed && rest !== undefined) this.#keep(this.#skipGarbage(rest));
  }

  /** Text of a frame; `undefined` where none came. Bytes that are no UTF-8 become U+FFFD. */
  text(kind: FrameKind): string | undefined {
    return this.frames.get(kind)?.toString("utf8");
  }

  /** What is behind the first whole frame, or `undefined` where there is no whole frame. */
  #takeFrame(bytes: Buffer): Buffer | undefined {
    const start = bytes.indexOf(this.#token);
    if (start < 0) return undefined;
    const headerStart = start + this.#token.length;
    const window = bytes.toString("latin1", headerStart, headerStart + longestHeader);
    const header = headerPattern.exec(window);
    if (header === null) {
      // Not a header: either more must come, or the token stands in garbage and the search goes on behind it.
      const complete = window.includes("\n") || window.length >= longestHeader;
      return complete ? bytes.subarray(headerStart) : undefined;
    }
    const size = Number(header[2]);
    if (size > (header[1] === "value" || header[1] === "string" ? this.#limits.valueBytes : this.#limits.otherBytes)) {
      this.#overflow();
      return undefined;
    }
    const payloadStart = headerStart + header[0].length;
    if (bytes.length < payloadStart + size) {
      this.#wanted = payloadStart + size - start;
      return undefined;
    }
    this.#accept(header[1]!, bytes.subarray(payloadStart, payloadStart + size));
    return bytes.subarray(payloadStart + size);
  }

  #accept(name: string, payload: Buffer): void {
    const kind = name as FrameKind;
    if (!frameKinds.includes(kind) || this.frames.has(kind)) return;
    this.frames.set(kind, Buffer.from(payload));
    this.#onFrame?.(kind);
  }

  /** Keeps from where a token may begin: a whole one whose frame is not complete, or the beginning of one at the end. */
  #skipGarbage(bytes: Buffer): Buffer {
    const start = bytes.indexOf(this.#token);
    if (start >= 0) return bytes.subarray(start);
    return bytes.subarray(Math.max(0, bytes.length - this.#token.length + 1));
  }

  #keep(bytes: Buffer): void {
    this.#pending = bytes.length === 0 ? [] : [bytes];
    this.#pendingBytes = bytes.length;
  }

  #overflow(): void {
    this.overflowed = true;
    this.#keep(Buffer.alloc(0));
  }
}
