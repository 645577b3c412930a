/**
 * Sends the attempts of an executor to workers and tells the executor what becomes of them.
 *
 *     start -> run opened -> encoded -> placed in a queue -> pending -> in a parcel -> submitted -> answers -> end
 *              (here)        (----------------- sender.ts -----------------------)     (----- intake.ts -----)
 *                                          ^                                            |
 *                                          +--- handed back, or never begun ------------+
 *                                               (homes.ts)      (losses.ts, stopping.ts)
 *
 * Each submission of an attempt has a token of its own: `coordinated-run.ts` knows which count. What happens by the clock
 * begins in `#tick`: workers are read, homes found, orders to stop repeated, parcels looked for.
 */
import { OrchestratorError } from "../../../model/error.js";
import type { OpenBackend } from "../../../port/backend.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "../../../port/runner.js";
import type { CoordinatorTransportListener, LeftParcel } from "../../../port/transport.js";
import { purposeOf } from "../messages.js";
import { CoordinatedAttempt } from "./coordinated-attempt.js";
import { CoordinatedRun } from "./coordinated-run.js";
import { asRefusal, superseded } from "./failures.js";
import { Homes } from "./homes.js";
import { Intake } from "./intake.js";
import { Losses } from "./losses.js";
import type { CoordinatorParts } from "./parts.js";
import { Sender } from "./sender.js";
import { SharedState } from "./shared-state.js";
import { Stopping } from "./stopping.js";

const tickMs = 250;
/** Runs that have ended while attempts that they had given up may still answer. */
const rememberedRuns = 100;

export class Coordinator implements OpenBackend, CoordinatorTransportListener {
  readonly #parts: CoordinatorParts;
  readonly #state: SharedState;
  readonly #sender: Sender;
  readonly #homes: Homes;
  readonly #intake: Intake;
  readonly #stopping: Stopping;
  readonly #losses: Losses;
  readonly #past = new Map<string, CoordinatedRun>();
  #timer: NodeJS.Timeout | undefined;
  #ticking = false;
  #closing: Promise<void> | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#state = new SharedState(parts);
    this.#sender = new Sender(this.#state);
    this.#homes = new Homes(this.#state, this.#sender);
    this.#intake = new Intake(this.#state, this.#sender, this.#homes);
    this.#stopping = new Stopping(this.#state, this.#sender, this.#homes);
    this.#losses = new Losses(this.#state, this.#sender, this.#stopping);
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closing !== undefined) throw new OrchestratorError("EXECUTOR_CLOSED", "the executor was closed");
    const run = this.#state.runs.get(request.runId) ?? this.#openRun(request);
    const attempt = new CoordinatedAttempt(run, request, listener);
    if (run.opened) this.#begin(attempt);
    else run.early.push(attempt);
    return { abort: (reason) => this.#stopping.abort(attempt, reason) };
  }

  runEnded(runId: string): void {
    const run = this.#state.runs.get(runId);
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
    const run = this.#state.runs.get(runId) ?? this.#past.get(runId);
    if (run !== undefined) this.#intake.open(run, sealed);
  }

  onTrouble(error: Error): void {
    this.#parts.onTrouble(error);
  }

  // Runs.

  #openRun({ runId, resumable = false }: AttemptRequest): CoordinatedRun {
    const run = new CoordinatedRun(runId, resumable);
    this.#state.runs.set(runId, run);
    this.#timer ??= this.#startTimer();
    if (!resumable) {
      this.#parts.transport.beginRun(runId);
      run.begin();
      return run;
    }
    this.#parts.transport.openRun(runId).then(
      ({ epoch, left }) => {
        run.open(epoch, this.#openIndexes(runId, left));
        for (const attempt of run.early.splice(0)) this.#begin(attempt);
        if (run.ended) this.#forget(run);
      },
      (error: Error) => {
        this.#state.runs.delete(runId);
        for (const attempt of run.early) attempt.end((listener) => listener.failed(asRefusal(error)));
      },
    );
    return run;
  }

  #openIndexes(runId: string, left: readonly LeftParcel[]): LeftParcel[] {
    return left.flatMap(({ id, index }) => {
      try {
        return [{ id, index: this.#parts.envelope.open(purposeOf.index(runId), index) }];
      } catch (error) {
        this.#state.refused(error as Error);
        return [];
      }
    });
  }

  #begin(attempt: CoordinatedAttempt): void {
    if (attempt.over || this.#intake.adopt(attempt)) return;
    this.#sender.send(attempt);
  }

  /** Another coordinator has the run: its answers are not for this one. */
  #supersede(run: CoordinatedRun): void {
    run.superseded = true;
    const { homeless } = this.#homes;
    for (const attempt of [...run.tokens.values(), ...this.#sender.pending, ...homeless]) {
      if (attempt.run !== run) continue;
      this.#sender.forget(attempt);
      this.#homes.forget(attempt);
      attempt.end((listener) => listener.failed(superseded(run.id)));
    }
    run.tokens.clear();
    run.parcels.clear();
    run.sent = 0;
  }

  #forget(run: CoordinatedRun): void {
    const { runs } = this.#state;
    const { transport, onTrouble } = this.#parts;
    runs.delete(run.id);
    if (runs.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (run.superseded) return;
    if (!run.resumable && run.hasGivenUp) this.#remember(run);
    const places = [...run.parcels.values()];
    const withdrawn = places.length === 0 ? Promise.resolve() : transport.withdraw(places);
    withdrawn.then(() => transport.closeRun(run.id)).catch(onTrouble);
  }

  /** Late answers to it are to be counted. */
  #remember(run: CoordinatedRun): void {
    this.#past.set(run.id, run);
    if (this.#past.size <= rememberedRuns) return;
    const [oldest] = this.#past.keys();
    this.#past.delete(oldest!);
  }

  // What happens by the clock.

  #startTimer(): NodeJS.Timeout {
    const timer = setInterval(() => {
      if (this.#ticking) return;
      this.#ticking = true;
      this.#tick()
        .catch((error: Error) => this.#parts.onTrouble(error))
        .finally(() => (this.#ticking = false));
    }, tickMs);
    // The connection keeps the process alive while there are runs, and nothing else does.
    timer.unref();
    return timer;
  }

  async #tick(): Promise<void> {
    const { runs } = this.#state;
    if (runs.size === 0) return;
    await this.#homes.readWorkers();
    this.#homes.find();
    const now = performance.now();
    for (const run of runs.values()) {
      if (!run.opened) continue;
      const { transport } = this.#parts;
      if (!run.resumable) transport.keepRun(run.id);
      else if (!(await transport.owns(run.id, run.epoch))) this.#supersede(run);
      this.#stopping.pursue(run, now);
      this.#state.settle(run);
    }
    await this.#losses.inspect(now);
    this.#sender.askFlush();
  }

  async #close(): Promise<void> {
    const runs = [...this.#state.runs.values()].flatMap(({ early, tokens }) => [...early, ...tokens.values()]);
    for (const attempt of [...runs, ...this.#sender.pending, ...this.#homes.homeless])
      attempt.end((listener) => listener.stopped());
    clearInterval(this.#timer);
    await this.#parts.transport.close();
  }
}
