/**
 * The port between the coordinator (the executor's side), workers on other machines, and the engine that carries parcels
 * between them. A parcel is a text with an id: one or several attempts, sealed. The engine knows nothing of attempts:
 *
 *     coordinator: submit -> engine -> claim: worker       (a lease holds the parcel while its worker lives)
 *     worker: answer (any number of times) -> coordinator  (kept by the engine until the coordinator has taken them)
 *     worker: complete, when all in the parcel has ended   (the parcel is removed)
 *     coordinator: tell -> workers                         (cancel; may be lost, so it is told again)
 *
 * Submitting is idempotent by id. What a parcel's worker had answered before it completed or died is there for the
 * coordinator before the parcel is seen to be gone.
 */

export interface Parcel {
  readonly id: string;
  readonly queue: string;
  /** Sealed. */
  readonly text: string;
  /** Kept beside the parcel for a coordinator that takes the run over; absent where nobody will. */
  readonly index: string | undefined;
}

/** A parcel that an earlier coordinator of the run had submitted and not settled. */
export interface LeftParcel {
  readonly id: string;
  readonly index: string;
}

/** Whom a worker answers: the coordinator of a run, by the run or, where no other will ever go on with it, by its inbox. */
export interface AnswerAddress {
  readonly runId: string;
  readonly inbox: string | undefined;
}

/** Where a parcel is: waiting or with a worker that lives, with a worker that died, or nowhere. */
export type ParcelState = "there" | "abandoned" | "gone";

export interface ParcelPlace {
  readonly id: string;
  readonly queue: string;
}

export interface CoordinatorTransport {
  /** Where answers to all runs go that nobody else will go on with. */
  readonly inbox: string;
  /** Takes the run over: answers of earlier epochs and of this one are given to `onAnswer` from now on. */
  openRun(runId: string): Promise<{ readonly epoch: number; readonly left: readonly LeftParcel[] }>;
  /** Begins a run that nobody else knows of or will go on with: its answers come to the inbox, and nothing is kept for a successor. */
  beginRun(runId: string): void;
  submit(runId: string, parcels: readonly Parcel[]): Promise<void>;
  /** Takes parcels back that no worker has claimed; true for those. */
  withdraw(places: readonly ParcelPlace[]): Promise<readonly boolean[]>;
  /** Has the engine look for workers that died, then tells where parcels are. */
  inspect(places: readonly ParcelPlace[]): Promise<readonly ParcelState[]>;
  /** All in these parcels has ended: nothing of them needs to be kept. */
  settle(runId: string, ids: readonly string[]): void;
  /** Tells one worker, or all. */
  tell(workerId: string | undefined, text: string): void;
  /** Keeps a run that goes on from being forgotten. */
  keepRun(runId: string): void;
  /** As `keepRun`, for a run that was opened; whether no other coordinator has taken it over since. */
  owns(runId: string, epoch: number): Promise<boolean>;
  /** When the last pass over answers began that found no more of them, by `performance.now()`. */
  readonly caughtUpAt: number;
  /** Sealed records of the workers that live. */
  workers(): Promise<readonly { readonly id: string; readonly text: string }[]>;
  /** Counts something that whoever looks at the cluster should see. */
  count(what: string, by: number): void;
  /** Forgets the run and its answers. */
  closeRun(runId: string): Promise<void>;
  close(): Promise<void>;
}

export interface CoordinatorTransportListener {
  onAnswer(runId: string, text: string): void;
  /** Something went wrong that the transport deals with by itself, such as a connection that was lost. */
  onTrouble(error: Error): void;
}

export interface WorkerTransport {
  /**
   * Claims parcels of these queues, so many of each at once; a parcel is complete when `handle` resolves. Resolves when it
   * serves and what it was described as is there to be seen.
   */
  serve(queues: readonly string[], atOnce: number, handle: (id: string, text: string) => Promise<void>): Promise<void>;
  /** Gives answers to whoever coordinates the run; false where nobody does any more. */
  answer(to: AnswerAddress, text: string): Promise<boolean>;
  /** What whoever looks at the cluster sees of this worker; kept while the worker lives. */
  describe(text: string): void;
  count(what: string, by: number): void;
  /** Claims nothing more. */
  pause(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkerTransportListener {
  onTold(text: string, toAll: boolean): void;
  /** The engine took this parcel for abandoned: what is still done for it counts for nothing. */
  onLeaseLost(parcelId: string): void;
  onTrouble(error: Error): void;
}
