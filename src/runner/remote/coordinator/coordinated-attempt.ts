/** One attempt, as its coordinator knows it. */
import type { AttemptListener, AttemptRequest } from "../../../port/runner.js";
import type { CoordinatedRun } from "./coordinated-run.js";
import type { EncodedAttempt } from "./encode-attempt.js";
import type { Sized } from "./parcel-size.js";

export class CoordinatedAttempt implements Sized {
  readonly run: CoordinatedRun;
  readonly request: AttemptRequest;
  readonly listener: AttemptListener;
  encoded: EncodedAttempt | undefined;
  queue = "";
  /** Names this submission of the attempt: an answer to an earlier one does not count. -1 while it is not submitted. */
  token = -1;
  parcelId: string | undefined;
  /** The worker that has begun it. */
  workerId: string | undefined;
  startedTold = false;
  /** Set when the executor wants it stopped. */
  aborted: Error | undefined;
  abortedAtMs = 0;
  over = false;
  /** Taken over from an earlier coordinator of the run. */
  adopted = false;
  /** Times that it was sent anew without having begun. */
  resent = 0;
  /** Times that it was submitted. */
  sends = 0;
  /** Since when no worker is known that can have it, by `performance.now()`. */
  homelessSince: number | undefined;
  /** Why it was handed back the last time. */
  returned = "";

  constructor(run: CoordinatedRun, request: AttemptRequest, listener: AttemptListener) {
    this.run = run;
    this.request = request;
    this.listener = listener;
  }

  get name(): string {
    return this.request.name;
  }

  get size(): number {
    return this.encoded?.size ?? 0;
  }

  /** Ends it, once. */
  end(tell: (listener: AttemptListener) => void): void {
    if (this.over) return;
    this.over = true;
    if (this.aborted !== undefined) this.listener.stopped();
    else tell(this.listener);
  }
}
