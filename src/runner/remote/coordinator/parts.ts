/** What a coordinator is made of, and what it counts. */
import type { CoordinatorTransport } from "../../../port/transport.js";
import type { DataStore } from "../data/store.js";
import type { Envelope } from "../envelope.js";
import type { ModuleNames } from "../modules.js";

export interface CoordinatorParts {
  readonly transport: CoordinatorTransport;
  readonly envelope: Envelope;
  readonly modules: ModuleNames;
  readonly data: DataStore | undefined;
  readonly inlineLimitBytes: number;
  readonly queue: string;
  readonly localResources: readonly string[];
  /** Attempts that are with the engine at one time, at most. */
  readonly window: number;
  /** How long an attempt waits for a worker that can have it at all. */
  readonly placementMs: number;
  readonly onTrouble: (error: Error) => void;
  readonly counts: CoordinatorCounts;
}

/** What has happened since the executor was made. */
export interface CoordinatorCounts {
  /** Attempts that were sent, and the parcels that they travelled in. */
  submitted: number;
  parcels: number;
  /** Attempts of workers that died, retried as the policy says. */
  lost: number;
  /** Attempts sent anew, without a charge, because they had not begun where they were. */
  resent: number;
  /** Ends that came from attempts that had been given up, and did not count. */
  fenced: number;
  /** Attempts taken over from an earlier coordinator of the run. */
  adopted: number;
  /** Messages that were not signed or not understood. */
  refused: number;
}
