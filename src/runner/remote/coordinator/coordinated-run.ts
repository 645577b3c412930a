/** What a coordinator knows of one run: attempts by token, parcels that are not settled, and what a predecessor left. */
import { randomInt } from "node:crypto";
import type { LeftParcel } from "../../../port/transport.js";
import { type Answer, isEnd } from "../messages.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";

export interface SentParcel {
  readonly id: string;
  readonly queue: string;
  readonly submittedAtMs: number;
  /** Attempts in it that have not ended, and how many there were: all of them are in Redis until the last has ended. */
  readonly tokens: Set<number>;
  readonly size: number;
  /** Since when the engine does not have it any more, or has it as abandoned. */
  missingSinceMs: number | undefined;
}

/** An attempt that a predecessor had submitted: what is known of it until the executor starts its task. */
export interface LeftAttempt {
  readonly token: number;
  readonly parcelId: string;
  readonly queue: string;
  readonly answers: Answer[];
}

/** What is kept beside a parcel, for a successor. */
interface ParcelIndex {
  readonly queue: string;
  readonly attempts: readonly (readonly [token: number, taskId: string, attempt: number])[];
}

/** Tokens of one epoch; a run that is taken over begins with the next. */
const tokensOfEpoch = 2 ** 36;
/** Attempts that were given up, of which late answers are counted. */
const rememberedTokens = 100_000;

export class CoordinatedRun {
  readonly id: string;
  /** Whether another coordinator may have begun it, or may go on with it. */
  readonly resumable: boolean;
  /** Attempts that came before the run was opened. */
  readonly early: CoordinatedAttempt[] = [];
  readonly tokens = new Map<number, CoordinatedAttempt>();
  readonly parcels = new Map<string, SentParcel>();
  readonly left = new Map<string, LeftAttempt>();
  /** Parcels whose attempts have ended, to be forgotten by the engine. */
  readonly settled: string[] = [];
  readonly #leftByToken = new Map<number, LeftAttempt>();
  readonly #givenUp = new Set<number>();
  epoch = 0;
  opened = false;
  ended = false;
  /** Another coordinator has taken the run over. */
  superseded = false;
  /** Attempts in parcels that are not settled. */
  sent = 0;
  #nextToken = 0;

  constructor(id: string, resumable: boolean) {
    this.id = id;
    this.resumable = resumable;
  }

  /** Opens a run that nobody else knows of. Its tokens begin anywhere, in case two of one name meet all the same. */
  begin(): void {
    this.#nextToken = randomInt(2 ** 16) * tokensOfEpoch;
    this.opened = true;
  }

  open(epoch: number, left: readonly LeftParcel[]): void {
    this.epoch = epoch;
    this.#nextToken = epoch * tokensOfEpoch;
    for (const { id, index } of left) this.#remember(id, index);
    this.opened = true;
  }

  newToken(attempt: CoordinatedAttempt): number {
    const token = this.#nextToken++;
    attempt.token = token;
    this.tokens.set(token, attempt);
    return token;
  }

  addParcel(id: string, queue: string, given: readonly number[]): void {
    const tokens = new Set(given);
    const { size } = tokens;
    this.parcels.set(id, { id, queue, submittedAtMs: performance.now(), tokens, size, missingSinceMs: undefined });
    this.sent += size;
  }

  /** Nothing of the parcel is under way any more. */
  removeParcel({ id, size }: SentParcel): void {
    if (!this.parcels.delete(id)) return;
    this.sent -= size;
    this.settled.push(id);
  }

  indexOf(queue: string, attempts: readonly CoordinatedAttempt[]): string {
    const index: ParcelIndex = {
      queue,
      attempts: attempts.map(({ token, request }) => [token, request.taskId, request.attempt]),
    };
    return JSON.stringify(index);
  }

  /** Takes the attempt out: no answer to its present submission counts any more. */
  release(attempt: CoordinatedAttempt): void {
    this.tokens.delete(attempt.token);
    const parcel = attempt.parcelId === undefined ? undefined : this.parcels.get(attempt.parcelId);
    if (parcel?.tokens.delete(attempt.token) && parcel.tokens.size === 0) this.removeParcel(parcel);
    attempt.token = -1;
    attempt.parcelId = undefined;
    attempt.workerId = undefined;
  }

  /** As `release`, for an attempt that may still be carried out somewhere: its answers are counted as fenced off. */
  giveUp(attempt: CoordinatedAttempt): void {
    this.#givenUp.add(attempt.token);
    if (this.#givenUp.size > rememberedTokens) {
      const [oldest] = this.#givenUp;
      this.#givenUp.delete(oldest!);
    }
    this.release(attempt);
  }

  get hasGivenUp(): boolean {
    return this.#givenUp.size > 0;
  }

  /** Whether this is the first end that comes from an attempt that was given up. */
  isFenced(token: number): boolean {
    return this.#givenUp.delete(token);
  }

  /** Keeps an answer to an attempt that the executor has not started yet; false where there is none. */
  keep(answer: Answer): boolean {
    const left = this.#leftByToken.get(answer.token);
    if (left === undefined) return false;
    left.answers.push(answer);
    return true;
  }

  /** What a predecessor had submitted of this task, for the one attempt that takes it up. */
  takeLeft(taskId: string): LeftAttempt | undefined {
    const left = this.left.get(taskId);
    if (left === undefined) return undefined;
    this.left.delete(taskId);
    this.#leftByToken.delete(left.token);
    return left;
  }

  /** The parcel of this attempt is nowhere: unless its end is known, the task starts anew. */
  dropLeft(token: number): void {
    const left = this.#leftByToken.get(token);
    if (left === undefined || left.answers.some(isEnd)) return;
    this.#leftByToken.delete(token);
    for (const [taskId, other] of this.left) if (other === left) this.left.delete(taskId);
  }

  #remember(parcelId: string, index: string): void {
    let read: ParcelIndex;
    try {
      read = JSON.parse(index) as ParcelIndex;
    } catch {
      this.settled.push(parcelId);
      return;
    }
    const tokens = read.attempts.map(([token]) => token);
    this.addParcel(parcelId, read.queue, tokens);
    for (const [token, taskId] of read.attempts) {
      const left: LeftAttempt = { token, parcelId, queue: read.queue, answers: [] };
      const other = this.left.get(taskId);
      // Of two submissions of a task, the later one counts.
      if (other !== undefined && other.token > token) continue;
      if (other !== undefined) this.#leftByToken.delete(other.token);
      this.left.set(taskId, left);
      this.#leftByToken.set(token, left);
    }
  }
}
