/**
 * From an attempt that is wanted to a parcel that is submitted: encoded, placed in a queue, pending until there is room in
 * the window. Nothing is sent beyond the window; the rest waits here, where it costs little.
 */
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun } from "./coordinated-run.js";
import { AttemptEncoder } from "./encode-attempt.js";
import { asRefusal, superseded } from "./failures.js";
import type { SharedState } from "./shared-state.js";
import { writeParcels } from "./write-parcels.js";

/** Submissions under way at one time: what comes meanwhile is sent together. */
const submissionsAtOnce = 3;
/** With more attempts under way than workers have slots, so long is waited for half as many to send. */
const gatherMs = 8;

export class Sender {
  readonly #state: SharedState;
  readonly #encoder: AttemptEncoder;
  readonly #pending = new Set<CoordinatedAttempt>();
  #submitting = 0;
  #flushAsked = false;
  /** While more is waited for. */
  #gathering: NodeJS.Timeout | undefined;

  constructor(state: SharedState) {
    this.#state = state;
    this.#encoder = new AttemptEncoder(state.parts);
  }

  get pending(): ReadonlySet<CoordinatedAttempt> {
    return this.#pending;
  }

  /** Encodes the attempt, and sends it to the queue that suits it. */
  send(attempt: CoordinatedAttempt): void {
    if (attempt.encoded !== undefined) {
      this.#place(attempt);
      return;
    }
    const refuse = (error: Error): void => attempt.end((listener) => listener.failed(asRefusal(error)));
    try {
      const encoded = this.#encoder.encode(attempt.request);
      if (encoded instanceof Promise) {
        encoded.then((ready) => {
          attempt.encoded = ready;
          this.#place(attempt);
        }, refuse);
        return;
      }
      attempt.encoded = encoded;
      this.#place(attempt);
    } catch (error) {
      refuse(error as Error);
    }
  }

  /** As `send`, without a charge, because the attempt had not begun where it was, or was handed back. */
  resend(attempt: CoordinatedAttempt): void {
    this.#state.parts.counts.resent++;
    attempt.adopted = false;
    this.send(attempt);
  }

  sendTo(queue: string, attempt: CoordinatedAttempt): void {
    attempt.queue = queue;
    this.#pending.add(attempt);
    this.askFlush();
  }

  /** The attempt is not wanted any more. */
  forget(attempt: CoordinatedAttempt): void {
    this.#pending.delete(attempt);
  }

  /** There may be room in the window. */
  askFlush(): void {
    if (this.#pending.size === 0) return;
    // While workers have enough to do, what becomes ready within a moment travels together.
    const { sent, placement } = this.#state;
    const busy = sent > placement.slots && this.#pending.size < sent / 2;
    if (this.#gathering !== undefined && !busy) {
      clearTimeout(this.#gathering);
      this.#gathering = undefined;
      this.#flushAsked = false;
    }
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    const flush = (): void => {
      this.#gathering = undefined;
      this.#flushAsked = false;
      this.#flush();
    };
    if (busy) this.#gathering = setTimeout(flush, gatherMs);
    else if (sent > 0) setImmediate(flush);
    // Workers wait for it.
    else queueMicrotask(flush);
  }

  #place(attempt: CoordinatedAttempt): void {
    if (attempt.over) return;
    if (attempt.run.superseded) attempt.end((listener) => listener.failed(superseded(attempt.run.id)));
    else this.sendTo(this.#state.placement.queueFor(attempt.request), attempt);
  }

  #flush(): void {
    if (this.#submitting >= submissionsAtOnce || this.#pending.size === 0) return;
    const room = this.#state.parts.window - this.#state.sent;
    if (room <= 0) return;
    const byRun = new Map<CoordinatedRun, CoordinatedAttempt[]>();
    let taken = 0;
    for (const attempt of this.#pending) {
      if (taken++ === room) break;
      this.#pending.delete(attempt);
      const list = byRun.get(attempt.run);
      if (list === undefined) byRun.set(attempt.run, [attempt]);
      else list.push(attempt);
    }
    for (const [run, attempts] of byRun) void this.#submit(run, attempts);
  }

  async #submit(run: CoordinatedRun, attempts: readonly CoordinatedAttempt[]): Promise<void> {
    const { parts, placement, sizes } = this.#state;
    this.#submitting++;
    this.#state.settle(run);
    try {
      const submission = { run, attempts, envelope: parts.envelope, inbox: parts.transport.inbox };
      const { parcels, refused } = writeParcels(submission, sizes, parts.window, (queue) => placement.slotsOf(queue));
      for (const { attempt, error } of refused) {
        this.#state.release(attempt);
        attempt.end((listener) => listener.failed(asRefusal(error)));
      }
      parts.counts.submitted += attempts.length - refused.length;
      parts.counts.parcels += parcels.length;
      if (parcels.length > 0) await parts.transport.submit(run.id, parcels);
    } catch (error) {
      // What was not taken is found missing, and is sent anew.
      parts.onTrouble(error as Error);
    } finally {
      this.#submitting--;
      this.askFlush();
    }
  }
}
