/**
 * Parcels that are with nobody. One that the engine has no more, or has as abandoned, is lost once all answers have been
 * read that its worker can have left: then its attempts are told as lost, or are sent anew where they had not begun.
 */
import type { ParcelPlace } from "../../../port/transport.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun, SentParcel } from "./coordinated-run.js";
import { workerLost } from "./failures.js";
import type { Sender } from "./sender.js";
import type { SharedState } from "./shared-state.js";
import type { Stopping } from "./stopping.js";

/** A parcel is looked for when it is this old: most are over before. */
const inspectAfterMs = 1000;
const mostInspected = 5000;
const mostResent = 3;

export class Losses {
  readonly #state: SharedState;
  readonly #sender: Sender;
  readonly #stopping: Stopping;

  constructor(state: SharedState, sender: Sender, stopping: Stopping) {
    this.#state = state;
    this.#sender = sender;
    this.#stopping = stopping;
  }

  async inspect(now: number): Promise<void> {
    const { transport } = this.#state.parts;
    const old = this.#olderThan(now - inspectAfterMs);
    if (old.length === 0) return;
    const states = await transport.inspect(old.map(([parcel]): ParcelPlace => parcel));
    const unserved: [SentParcel, CoordinatedRun][] = [];
    old.forEach(([parcel, run], place) => {
      if (states[place] === "there") {
        parcel.missingSinceMs = undefined;
        if (!this.#state.placement.isServed(parcel.queue)) unserved.push([parcel, run]);
        return;
      }
      parcel.missingSinceMs ??= performance.now();
      if (transport.caughtUpAt > parcel.missingSinceMs) this.#lost(run, parcel);
    });
    await this.#stopping.takeBack(unserved);
  }

  #olderThan(time: number): [SentParcel, CoordinatedRun][] {
    const old: [SentParcel, CoordinatedRun][] = [];
    for (const run of this.#state.runs.values())
      for (const parcel of run.parcels.values())
        if (parcel.submittedAtMs < time && old.length < mostInspected) old.push([parcel, run]);
    return old;
  }

  #lost(run: CoordinatedRun, parcel: SentParcel): void {
    this.#state.parts.transport.withdraw([parcel]).catch(() => {});
    for (const token of [...parcel.tokens]) {
      const attempt = run.tokens.get(token);
      if (attempt === undefined) run.dropLeft(token);
      else this.#lostAttempt(attempt);
    }
    run.removeParcel(parcel);
    this.#state.settle(run);
  }

  #lostAttempt(attempt: CoordinatedAttempt): void {
    const { adopted, workerId } = attempt;
    this.#state.giveUp(attempt);
    // What had not begun is not lost; but what ends its worker before it can say so must not come again for ever.
    if (attempt.aborted === undefined && (adopted || workerId === undefined) && attempt.resent++ < mostResent) {
      this.#sender.resend(attempt);
      return;
    }
    this.#state.count("lost");
    attempt.end((listener) => listener.lost(workerLost(workerId)));
  }
}
