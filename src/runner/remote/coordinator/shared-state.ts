/**
 * What the parts of a coordinator share: its runs, and where attempts are. An attempt is with the engine while it has a
 * token; whoever ends that says so here, by `release` or `giveUp`. It takes room in the window until the last attempt of
 * its parcel has ended, because so long it stands in Redis.
 */
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun } from "./coordinated-run.js";
import { ParcelSizes } from "./parcel-size.js";
import type { CoordinatorParts } from "./parts.js";
import { Placement } from "./placement.js";

export class SharedState {
  readonly parts: CoordinatorParts;
  readonly placement: Placement;
  readonly sizes = new ParcelSizes();
  readonly runs = new Map<string, CoordinatedRun>();

  constructor(parts: CoordinatorParts) {
    this.parts = parts;
    this.placement = new Placement(parts);
  }

  /** Attempts that stand in Redis: those whose parcel is not settled. */
  get sent(): number {
    let sum = 0;
    for (const { sent } of this.runs.values()) sum += sent;
    return sum;
  }

  /** The attempt's present submission has ended, or was taken back. */
  release(attempt: CoordinatedAttempt): void {
    this.placement.left(attempt.queue);
    attempt.run.release(attempt);
  }

  /** As `release`, where the attempt may still be carried out somewhere. */
  giveUp(attempt: CoordinatedAttempt): void {
    this.placement.left(attempt.queue);
    attempt.run.giveUp(attempt);
  }

  /**
   * Has the engine forget what it kept of parcels whose attempts have ended: before others are submitted, so that no more is
   * kept than the window allows, and otherwise when the clock comes round.
   */
  settle(run: CoordinatedRun): void {
    const settled = run.settled.splice(0);
    if (run.resumable && settled.length > 0) this.parts.transport.settle(run.id, settled);
  }

  /** A message was not signed, or not understood. */
  refused(error: Error): void {
    this.parts.counts.refused++;
    this.parts.onTrouble(error);
  }

  /** Counts it here, and where whoever looks at the cluster sees it. */
  count(what: "fenced" | "lost"): void {
    this.parts.counts[what]++;
    this.parts.transport.count(what, 1);
  }
}
