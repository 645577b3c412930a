/**
 * Sends the attempts of an executor to workers and tells the executor what becomes of them.
 *
 *     start -> run opened -> encoded -> placed in a queue -> pending -> in a parcel -> submitted -> answers -> end
 *                                          ^                                            |
 *                                          +--- handed back, or never begun ------------+
 *
 * Each submission of an attempt has a token of its own. An answer counts if its token is that of an attempt under way;
 * the end of one that was given up is fenced off and counted. A parcel that the engine has no more, or has as abandoned,
 * is lost once all answers have been read that its worker can have left: then its attempts are told as lost.
 *
 * Nothing is sent beyond the window; the rest waits here, where it costs little.
 *
 * More than 400 lines, because every one of them changes the state that this comment describes.
 */
import { OrchestratorError, toErrorData } from "../../../model/error.js";
import type { OpenBackend } from "../../../port/backend.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "../../../port/runner.js";
import type { CoordinatorTransport, CoordinatorTransportListener, ParcelPlace } from "../../../port/transport.js";
import type { DataStore } from "../data/store.js";
import type { Envelope } from "../envelope.js";
import {
  type Answer,
  answersMessage,
  isEnd,
  protocolVersion,
  purposeOf,
  type ToldMessage,
  workerRecord,
} from "../messages.js";
import type { ModuleNames } from "../modules.js";
import { asRefusal, takeAnswer } from "./answers.js";
import { CoordinatedAttempt } from "./coordinated-attempt.js";
import { CoordinatedRun, type SentParcel } from "./coordinated-run.js";
import { AttemptEncoder } from "./encode-attempt.js";
import { ParcelSizes } from "./parcel-size.js";
import { Placement } from "./placement.js";
import { type Submission, writeParcels } from "./write-parcels.js";

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

const tickMs = 250;
/** A parcel is looked for when it is this old: most are over before. */
const inspectAfterMs = 1000;
const mostInspected = 5000;
const workersEveryMs = 1000;
/** Submissions under way at one time: what comes meanwhile is sent together. */
const submissionsAtOnce = 3;
/** With more attempts than that under way for each slot, a few milliseconds are waited for more to send. */
const busyPerSlot = 8;
const gatherMs = 3;
const gathered = 200;
/** A worker that lives and does not answer an order to stop is not waited for longer. */
const stopMs = 30_000;
const mostResent = 3;

export class Coordinator implements OpenBackend, CoordinatorTransportListener {
  readonly #parts: CoordinatorParts;
  readonly #encoder: AttemptEncoder;
  readonly #placement: Placement;
  readonly #sizes = new ParcelSizes();
  readonly #runs = new Map<string, CoordinatedRun>();
  readonly #pending = new Set<CoordinatedAttempt>();
  readonly #homeless = new Set<CoordinatedAttempt>();
  readonly #runOf = new WeakMap<CoordinatedAttempt, CoordinatedRun>();
  #submitting = 0;
  #flushAsked = false;
  #toldAsked = false;
  #toCancel = new Set<CoordinatedAttempt>();
  #timer: NodeJS.Timeout | undefined;
  #ticking = false;
  #workersAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#encoder = new AttemptEncoder(parts);
    this.#placement = new Placement(parts);
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closing !== undefined) throw new OrchestratorError("EXECUTOR_CLOSED", "the executor was closed");
    const run = this.#runs.get(request.runId) ?? this.#openRun(request);
    const attempt = new CoordinatedAttempt(request, listener);
    this.#runOf.set(attempt, run);
    if (run.opened) this.#begin(run, attempt);
    else run.early.push(attempt);
    return { abort: (reason) => this.#abort(attempt, reason) };
  }

  runEnded(runId: string): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    run.ended = true;
    if (run.opened) this.#forget(run);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // What the transport tells.

  onAnswer(runId: string, sealed: string): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    try {
      const text = this.#parts.envelope.open(purposeOf.answers(runId), sealed);
      const { worker, host, answers } = answersMessage.parse(JSON.parse(text));
      for (const answer of answers) this.#take(run, answer as Answer, worker, host);
    } catch (error) {
      this.#refused(error as Error);
    }
    this.#settle(run);
    this.#askFlush();
  }

  onTrouble(error: Error): void {
    this.#parts.onTrouble(error);
  }

  // From start to submission.

  #openRun({ runId, resumable = false }: AttemptRequest): CoordinatedRun {
    const run = new CoordinatedRun(runId, resumable);
    this.#runs.set(runId, run);
    this.#timer ??= this.#startTimer();
    if (!resumable) {
      this.#parts.transport.beginRun(runId);
      run.begin();
      return run;
    }
    this.#parts.transport.openRun(runId).then(
      ({ epoch, left }) => {
        run.open(epoch, this.#openIndexes(runId, left));
        for (const attempt of run.early.splice(0)) this.#begin(run, attempt);
        if (run.ended) this.#forget(run);
      },
      (error: Error) => {
        this.#runs.delete(runId);
        for (const attempt of run.early) attempt.end((listener) => listener.failed(asRefusal(error)));
      },
    );
    return run;
  }

  #openIndexes(runId: string, left: readonly { id: string; index: string }[]): { id: string; index: string }[] {
    return left.flatMap(({ id, index }) => {
      try {
        return [{ id, index: this.#parts.envelope.open(purposeOf.index(runId), index) }];
      } catch (error) {
        this.#refused(error as Error);
        return [];
      }
    });
  }

  #begin(run: CoordinatedRun, attempt: CoordinatedAttempt): void {
    if (attempt.over) return;
    if (run.superseded) {
      attempt.end((listener) => listener.failed(superseded(run.id)));
      return;
    }
    if (this.#adopt(run, attempt)) return;
    try {
      const encoded = this.#encoder.encode(attempt.request);
      if (!(encoded instanceof Promise)) {
        attempt.encoded = encoded;
        this.#place(attempt);
        return;
      }
      encoded.then(
        (ready) => {
          attempt.encoded = ready;
          this.#place(attempt);
        },
        (error: Error) => attempt.end((listener) => listener.failed(asRefusal(error))),
      );
    } catch (error) {
      attempt.end((listener) => listener.failed(asRefusal(error as Error)));
    }
  }

  /** Takes up what a predecessor had submitted of the same task; false where there is nothing. */
  #adopt(run: CoordinatedRun, attempt: CoordinatedAttempt): boolean {
    const left = run.takeLeft(attempt.request.taskId);
    if (left === undefined) return false;
    attempt.adopted = true;
    attempt.queue = left.queue;
    attempt.token = left.token;
    attempt.parcelId = left.parcelId;
    run.tokens.set(left.token, attempt);
    this.#parts.counts.adopted++;
    for (const answer of left.answers) this.#take(run, answer, attempt.workerId ?? "", "");
    return true;
  }

  #place(attempt: CoordinatedAttempt): void {
    if (attempt.over) return;
    attempt.queue = this.#placement.queueFor(attempt.request);
    this.#pending.add(attempt);
    this.#askFlush();
  }

  #askFlush(): void {
    if (this.#flushAsked || this.#pending.size === 0) return;
    this.#flushAsked = true;
    const flush = (): void => {
      this.#flushAsked = false;
      this.#flush();
    };
    // While workers have enough to do, what becomes ready within a moment travels together.
    const busy = this.#outstanding() > busyPerSlot * this.#placement.slots && this.#pending.size < gathered;
    if (busy) setTimeout(flush, gatherMs);
    else setImmediate(flush);
  }

  #flush(): void {
    if (this.#submitting >= submissionsAtOnce || this.#pending.size === 0) return;
    const room = this.#parts.window - this.#outstanding();
    if (room <= 0) return;
    const byRun = new Map<CoordinatedRun, CoordinatedAttempt[]>();
    let taken = 0;
    for (const attempt of this.#pending) {
      if (taken++ === room) break;
      this.#pending.delete(attempt);
      const run = this.#runOf.get(attempt)!;
      const list = byRun.get(run);
      if (list === undefined) byRun.set(run, [attempt]);
      else list.push(attempt);
    }
    for (const [run, attempts] of byRun) void this.#submit(run, attempts);
  }

  async #submit(run: CoordinatedRun, attempts: readonly CoordinatedAttempt[]): Promise<void> {
    const submission: Submission = { run, attempts, envelope: this.#parts.envelope };
    this.#submitting++;
    try {
      const { parcels, refused } = writeParcels(submission, this.#sizes, (queue) => this.#placement.slotsOf(queue));
      for (const { attempt, error } of refused) {
        run.release(attempt);
        attempt.end((listener) => listener.failed(asRefusal(error)));
      }
      this.#parts.counts.submitted += attempts.length - refused.length;
      this.#parts.counts.parcels += parcels.length;
      if (parcels.length > 0) await this.#parts.transport.submit(run.id, parcels);
    } catch (error) {
      // What was not taken is found missing, and is sent anew.
      this.#parts.onTrouble(error as Error);
    } finally {
      this.#submitting--;
      this.#askFlush();
    }
  }

  #outstanding(): number {
    let sum = 0;
    for (const { tokens } of this.#runs.values()) sum += tokens.size;
    return sum;
  }

  // From answers to ends.

  #take(run: CoordinatedRun, answer: Answer, worker: string, host: string): void {
    const attempt = run.tokens.get(answer.token);
    if (attempt === undefined) {
      if (run.keep(answer) || !isEnd(answer) || !run.isFenced(answer.token)) return;
      if (answer.is !== "succeeded" && answer.is !== "failed") return;
      this.#parts.counts.fenced++;
      this.#parts.transport.count("fenced", 1);
      return;
    }
    if (answer.is === "started") {
      attempt.workerId = worker;
      if (host !== "") this.#placement.holds(host, Object.values(attempt.request.inputs));
    }
    if (!isEnd(answer)) {
      takeAnswer(attempt, answer, host);
      return;
    }
    if (answer.is === "succeeded" || answer.is === "failed") this.#sizes.learn(attempt.name, answer.ms);
    if (answer.is === "succeeded" && "r" in answer.value) this.#placement.holds(host, [answer.value.r]);
    this.#release(run, attempt);
    if (attempt.aborted === undefined && answer.is === "returned") this.#returned(run, attempt, answer);
    // Nobody asked here that it be stopped: an earlier coordinator had, or its worker gave it up.
    else if (attempt.aborted === undefined && answer.is === "stopped") this.#resend(run, attempt);
    else takeAnswer(attempt, answer, host);
  }

  #returned(run: CoordinatedRun, attempt: CoordinatedAttempt, answer: Answer & { is: "returned" }): void {
    attempt.returned = answer.detail;
    if (answer.because === "draining") {
      this.#resend(run, attempt);
      return;
    }
    attempt.homelessSince ??= performance.now();
    this.#homeless.add(attempt);
    this.#workersAt = Number.NEGATIVE_INFINITY;
  }

  #resend(run: CoordinatedRun, attempt: CoordinatedAttempt): void {
    this.#parts.counts.resent++;
    attempt.adopted = false;
    if (attempt.encoded === undefined) this.#begin(run, attempt);
    else this.#place(attempt);
  }

  #release(run: CoordinatedRun, attempt: CoordinatedAttempt): void {
    this.#placement.left(attempt.queue);
    run.release(attempt);
  }

  #settle(run: CoordinatedRun): void {
    const settled = run.settled.splice(0);
    if (run.resumable && settled.length > 0) this.#parts.transport.settle(run.id, settled);
  }

  // Stopping.

  #abort(attempt: CoordinatedAttempt, reason: Error): void {
    if (attempt.over || attempt.aborted !== undefined) return;
    attempt.aborted = reason;
    attempt.abortedAtMs = performance.now();
    if (attempt.token < 0) {
      // Nobody else knows of it.
      this.#pending.delete(attempt);
      this.#homeless.delete(attempt);
      attempt.end((listener) => listener.stopped());
      return;
    }
    this.#toCancel.add(attempt);
    if (this.#toldAsked) return;
    this.#toldAsked = true;
    setImmediate(() => {
      this.#toldAsked = false;
      const cancelled = this.#toCancel;
      this.#toCancel = new Set();
      this.#tellCancelled(cancelled);
      void this.#withdraw(cancelled).catch((error: Error) => this.#parts.onTrouble(error));
    });
  }

  #tellCancelled(attempts: Iterable<CoordinatedAttempt>): void {
    const byWorker = new Map<string | undefined, ToldMessage["cancel"]>();
    for (const { token, workerId, request, aborted } of attempts) {
      if (token < 0) continue;
      const list = byWorker.get(workerId) ?? [];
      byWorker.set(workerId, list);
      const { stack: _, ...error } = toErrorData(aborted);
      list.push({ run: request.runId, token, error });
    }
    for (const [workerId, cancel] of byWorker) {
      const text = JSON.stringify({ version: protocolVersion, cancel } satisfies ToldMessage);
      this.#parts.transport.tell(workerId, this.#parts.envelope.seal(purposeOf.told(workerId), text));
    }
  }

  /** Takes parcels back that nobody has claimed: what was not cancelled in them is sent anew. */
  async #withdraw(cancelled: Iterable<CoordinatedAttempt>): Promise<void> {
    const parcels = new Map<SentParcel, CoordinatedRun>();
    for (const attempt of cancelled) {
      const run = this.#runOf.get(attempt)!;
      const parcel = attempt.parcelId === undefined ? undefined : run.parcels.get(attempt.parcelId);
      if (parcel !== undefined && attempt.workerId === undefined) parcels.set(parcel, run);
    }
    await this.#takeBack([...parcels]);
  }

  async #takeBack(parcels: readonly (readonly [SentParcel, CoordinatedRun])[]): Promise<void> {
    const places = parcels.map(([parcel]) => parcel);
    if (places.length === 0) return;
    const taken = await this.#parts.transport.withdraw(places);
    parcels.forEach(([parcel, run], place) => {
      if (taken[place] !== true) return;
      for (const token of [...parcel.tokens]) {
        const attempt = run.tokens.get(token);
        if (attempt === undefined) continue;
        this.#release(run, attempt);
        if (attempt.aborted !== undefined) attempt.end((listener) => listener.stopped());
        else this.#resend(run, attempt);
      }
      this.#settle(run);
    });
  }

  // What happens by the clock.

  #startTimer(): NodeJS.Timeout {
    const timer = setInterval(() => {
      if (this.#ticking) return;
      this.#ticking = true;
      this.#tick().then(
        () => (this.#ticking = false),
        (error: Error) => {
          this.#ticking = false;
          this.#parts.onTrouble(error);
        },
      );
    }, tickMs);
    // The connection keeps the process alive while there are runs, and nothing else does.
    timer.unref();
    return timer;
  }

  async #tick(): Promise<void> {
    if (this.#runs.size === 0) return;
    await this.#readWorkers();
    this.#findHomes();
    const now = performance.now();
    for (const run of this.#runs.values()) {
      if (!run.opened) continue;
      const owned = await this.#parts.transport.owns(run.id, run.epoch);
      if (run.resumable && !owned) this.#supersede(run);
      const stopping = [...run.tokens.values()].filter(({ aborted }) => aborted !== undefined);
      this.#tellCancelled(stopping.filter(({ abortedAtMs }) => now - abortedAtMs > inspectAfterMs));
      for (const attempt of stopping) if (now - attempt.abortedAtMs > stopMs) this.#giveUp(run, attempt);
      this.#settle(run);
    }
    await this.#inspect(now);
    this.#askFlush();
  }

  async #readWorkers(): Promise<void> {
    if (performance.now() - this.#workersAt < workersEveryMs) return;
    const found = await this.#parts.transport.workers();
    this.#placement.workers = found.flatMap(({ id, text }) => {
      try {
        const record = workerRecord.parse(JSON.parse(this.#parts.envelope.open(purposeOf.record(id), text)));
        return record.id === id ? [record] : [];
      } catch (error) {
        this.#refused(error as Error);
        return [];
      }
    });
    this.#workersAt = performance.now();
  }

  /** Attempts that were handed back because their worker cannot have them go to one that can, if there is one. */
  #findHomes(): void {
    for (const attempt of this.#homeless) {
      const { work } = attempt.encoded ?? {};
      const queue = this.#placement.queueOfOneWith({
        cpuCores: attempt.request.cpuCores ?? 0,
        memoryBytes: attempt.request.memoryBytes ?? 0,
        resources: this.#placement.resourcesOf(attempt.request),
        ...(work !== undefined && "module" in work ? { module: `${work.module}@${work.version}` } : undefined),
      });
      if (queue !== undefined) {
        this.#homeless.delete(attempt);
        attempt.homelessSince = undefined;
        attempt.queue = queue;
        this.#pending.add(attempt);
      } else if (performance.now() - attempt.homelessSince! > this.#parts.placementMs) {
        this.#homeless.delete(attempt);
        const ids = this.#placement.workers.map(({ id }) => id).join(", ") || "none";
        const message = `no worker can have the task: the last one handed it back because ${attempt.returned}; workers: ${ids}`;
        const error = new OrchestratorError("NO_WORKER", message);
        attempt.end((listener) => listener.failed({ error, reason: { kind: "error" }, retryable: false }));
      }
    }
  }

  async #inspect(now: number): Promise<void> {
    const old: [SentParcel, CoordinatedRun][] = [];
    for (const run of this.#runs.values())
      for (const parcel of run.parcels.values())
        if (now - parcel.submittedAtMs > inspectAfterMs && old.length < mostInspected) old.push([parcel, run]);
    if (old.length === 0) return;
    const states = await this.#parts.transport.inspect(old.map(([parcel]): ParcelPlace => parcel));
    const unserved: [SentParcel, CoordinatedRun][] = [];
    old.forEach(([parcel, run], place) => {
      if (states[place] === "there") {
        parcel.missingSinceMs = undefined;
        if (!this.#placement.isServed(parcel.queue)) unserved.push([parcel, run]);
        return;
      }
      parcel.missingSinceMs ??= performance.now();
      if (this.#parts.transport.caughtUpAt > parcel.missingSinceMs) this.#lost(run, parcel);
    });
    await this.#takeBack(unserved);
  }

  #lost(run: CoordinatedRun, parcel: SentParcel): void {
    this.#parts.transport.withdraw([parcel]).catch(() => {});
    for (const token of [...parcel.tokens]) {
      const attempt = run.tokens.get(token);
      if (attempt === undefined) run.dropLeft(token);
      else this.#lostAttempt(run, attempt);
    }
    run.parcels.delete(parcel.id);
    run.settled.push(parcel.id);
    this.#settle(run);
  }

  #lostAttempt(run: CoordinatedRun, attempt: CoordinatedAttempt): void {
    const begun = attempt.workerId;
    const { adopted } = attempt;
    this.#placement.left(attempt.queue);
    run.giveUp(attempt);
    // What had not begun is not lost; but what ends its worker before it can say so must not come again for ever.
    if (attempt.aborted === undefined && (adopted || begun === undefined) && attempt.resent++ < mostResent) {
      this.#resend(run, attempt);
      return;
    }
    this.#parts.counts.lost++;
    this.#parts.transport.count("lost", 1);
    const error = new OrchestratorError(
      "WORKER_LOST",
      `worker ${begun ?? "of the task"} ended, or lost its way to Redis, while the task was with it`,
    );
    attempt.end((listener) => listener.lost(error));
  }

  #giveUp(run: CoordinatedRun, attempt: CoordinatedAttempt): void {
    this.#placement.left(attempt.queue);
    run.giveUp(attempt);
    attempt.end((listener) => listener.stopped());
  }

  #supersede(run: CoordinatedRun): void {
    run.superseded = true;
    run.opened = false;
    for (const attempt of [...run.tokens.values(), ...this.#pending])
      if (this.#runOf.get(attempt) === run) attempt.end((listener) => listener.failed(superseded(run.id)));
    for (const attempt of this.#pending) if (this.#runOf.get(attempt) === run) this.#pending.delete(attempt);
    run.tokens.clear();
    run.parcels.clear();
    run.opened = true;
  }

  // The end.

  #forget(run: CoordinatedRun): void {
    this.#runs.delete(run.id);
    if (this.#runs.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (run.superseded) return;
    const places = [...run.parcels.values()];
    const withdrawn = places.length === 0 ? Promise.resolve() : this.#parts.transport.withdraw(places);
    withdrawn.then(() => this.#parts.transport.closeRun(run.id)).catch((error: Error) => this.#parts.onTrouble(error));
  }

  async #close(): Promise<void> {
    for (const run of [...this.#runs.values()]) {
      for (const attempt of [...run.early, ...run.tokens.values()]) attempt.end((listener) => listener.stopped());
    }
    for (const attempt of [...this.#pending, ...this.#homeless]) attempt.end((listener) => listener.stopped());
    clearInterval(this.#timer);
    await this.#parts.transport.close();
  }

  #refused(error: Error): void {
    this.#parts.counts.refused++;
    this.#parts.onTrouble(error);
  }
}

function superseded(runId: string): { error: Error; reason: { kind: "worker-lost" }; retryable: boolean } {
  const error = new OrchestratorError("WORKER_LOST", `another coordinator has taken over the run ${runId}`);
  return { error, reason: { kind: "worker-lost" }, retryable: false };
}
