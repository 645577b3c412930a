/**
 * Attempts that the executor wants stopped: their workers are told, again and again until they answer, and what nobody has
 * claimed yet is taken back.
 */
import { toErrorData } from "../../../model/error.js";
import { protocolVersion, purposeOf, type ToldMessage } from "../messages.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun, SentParcel } from "./coordinated-run.js";
import type { Homes } from "./homes.js";
import type { Sender } from "./sender.js";
import type { SharedState } from "./shared-state.js";

const tellAgainMs = 1000;
/** A worker that lives and does not answer an order to stop is not waited for longer. */
const stopMs = 30_000;

export class Stopping {
  readonly #state: SharedState;
  readonly #sender: Sender;
  readonly #homes: Homes;
  #asked = new Set<CoordinatedAttempt>();

  constructor(state: SharedState, sender: Sender, homes: Homes) {
    this.#state = state;
    this.#sender = sender;
    this.#homes = homes;
  }

  abort(attempt: CoordinatedAttempt, reason: Error): void {
    if (attempt.over || attempt.aborted !== undefined) return;
    attempt.aborted = reason;
    attempt.abortedAtMs = performance.now();
    if (attempt.token < 0) {
      // Nobody else knows of it.
      this.#sender.forget(attempt);
      this.#homes.forget(attempt);
      attempt.end((listener) => listener.stopped());
      return;
    }
    this.#asked.add(attempt);
    if (this.#asked.size > 1) return;
    // What is stopped in one turn is told in one message.
    setImmediate(() => {
      const asked = this.#asked;
      this.#asked = new Set();
      this.#tell(asked);
      void this.#withdraw(asked).catch((error: Error) => this.#state.parts.onTrouble(error));
    });
  }

  /** Tells again what may have been lost, and gives up what was told for long. */
  pursue(run: CoordinatedRun, now: number): void {
    const stopping = [...run.tokens.values()].filter(({ aborted }) => aborted !== undefined);
    this.#tell(stopping.filter(({ abortedAtMs }) => now - abortedAtMs > tellAgainMs));
    for (const attempt of stopping) {
      if (now - attempt.abortedAtMs <= stopMs) continue;
      this.#state.giveUp(attempt);
      attempt.end((listener) => listener.stopped());
    }
  }

  /** Takes parcels back that nobody has claimed: what is still wanted of them is sent anew. */
  async takeBack(parcels: readonly (readonly [SentParcel, CoordinatedRun])[]): Promise<void> {
    const places = parcels.map(([parcel]) => parcel);
    if (places.length === 0) return;
    const taken = await this.#state.parts.transport.withdraw(places);
    parcels.forEach(([parcel, run], place) => {
      if (taken[place] !== true) return;
      for (const token of [...parcel.tokens]) {
        const attempt = run.tokens.get(token);
        if (attempt === undefined) continue;
        this.#state.release(attempt);
        if (attempt.aborted !== undefined) attempt.end((listener) => listener.stopped());
        else this.#sender.resend(attempt);
      }
      this.#state.settle(run);
    });
  }

  #tell(attempts: Iterable<CoordinatedAttempt>): void {
    const byWorker = new Map<string | undefined, ToldMessage["cancel"]>();
    for (const { token, workerId, request, aborted } of attempts) {
      if (token < 0) continue;
      const list = byWorker.get(workerId) ?? [];
      byWorker.set(workerId, list);
      const { stack: _, ...error } = toErrorData(aborted);
      list.push({ run: request.runId, token, error });
    }
    const { transport, envelope } = this.#state.parts;
    for (const [workerId, cancel] of byWorker) {
      const text = JSON.stringify({ version: protocolVersion, cancel } satisfies ToldMessage);
      transport.tell(workerId, envelope.seal(purposeOf.told(workerId), text));
    }
  }

  #withdraw(asked: Iterable<CoordinatedAttempt>): Promise<void> {
    const parcels = new Map<SentParcel, CoordinatedRun>();
    for (const { run, parcelId, workerId } of asked) {
      const parcel = parcelId === undefined ? undefined : run.parcels.get(parcelId);
      if (parcel !== undefined && workerId === undefined) parcels.set(parcel, run);
    }
    return this.takeBack([...parcels]);
  }
}
