/**
 * Carries out batch work: gathers attempts of the same handler, of whatever run of the executor, and calls it with many
 * at once. An attempt's clock starts with its call; the wait for others is queueing.
 */
import { type BatchHandler, type BatchWork, defaultBatchSize } from "../../model/batch.js";
import { OrchestratorError } from "../../model/error.js";
import type { Inputs } from "../../model/work.js";
import type { Clock } from "../../port/clock.js";
import type { AttemptControl, AttemptListener, AttemptRequest, LimitEnforcement, Runner } from "../../port/runner.js";
import type { Answer } from "./answers.js";
import { type BatchCall, type BatchItem, Gatherer } from "./gatherer.js";

export interface BatchRunnerOptions {
  /** Most items of a call whose work names no `batchSize`. Default 10. */
  readonly batchSize: number | undefined;
  /** Whether attempts are gathered; otherwise each is a call of its own. */
  readonly gather: boolean;
  readonly clock: Clock;
}

export class BatchRunner implements Runner {
  readonly kind = "batch";
  readonly #options: BatchRunnerOptions;
  readonly #gatherers = new Map<BatchHandler<never, unknown>, Gatherer<Inputs>>();
  #calls = 0;
  readonly #active = new Set<BatchAttempt>();
  #closed = false;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
  }

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closed) throw new OrchestratorError("EXECUTOR_CLOSED", "the runner of batches is closed");
    const work = request.work as BatchWork;
    const gatherer = this.#gathererOf(work);
    const attempt = new BatchAttempt(request.inputs, gatherer, listener, () => this.#active.delete(attempt));
    this.#active.add(attempt);
    gatherer.add(attempt);
    return attempt;
  }

  enforcement(): readonly LimitEnforcement[] {
    const detail = "a handler runs in this process, for all items of its call together";
    return [
      { limit: "memory", by: "admission", detail },
      { limit: "cpu", by: "admission", detail },
    ];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const attempt of [...this.#active]) attempt.abort();
    this.#gatherers.clear();
  }

  #gathererOf({ key, handler, limits }: BatchWork): Gatherer<Inputs> {
    let gatherer = this.#gatherers.get(handler);
    if (gatherer === undefined) {
      const batchSize = this.#options.gather ? (limits.batchSize ?? this.#options.batchSize ?? defaultBatchSize) : 1;
      const checked = handler as unknown as BatchHandler<Inputs, unknown>;
      gatherer = new Gatherer(key, checked, { ...limits, batchSize }, this.#options.clock, () => ++this.#calls);
      this.#gatherers.set(handler, gatherer);
    }
    return gatherer;
  }
}

class BatchAttempt implements BatchItem<Inputs>, AttemptControl {
  readonly item: Inputs;
  /** Attempts come in the order in which the scheduler starts them. */
  readonly priority = 0;
  readonly #gatherer: Gatherer<Inputs>;
  readonly #listener: AttemptListener;
  readonly #onEnd: () => void;

  constructor(item: Inputs, gatherer: Gatherer<Inputs>, listener: AttemptListener, onEnd: () => void) {
    this.item = item;
    this.#gatherer = gatherer;
    this.#listener = listener;
    this.#onEnd = onEnd;
  }

  called({ number, size }: BatchCall): void {
    this.#listener.started(`batch-${number}`);
    this.#listener.noted({ batch: { key: this.#gatherer.key, size, limit: this.#gatherer.limits.batchSize } });
  }

  ended(answer: Answer): void {
    this.#onEnd();
    if (answer.ok) this.#listener.succeeded(answer.value);
    else this.#listener.failed({ error: answer.error, reason: { kind: "error" } });
  }

  /** What the handler gives for it later is dropped. */
  abort(): void {
    this.#gatherer.drop(this);
    this.#onEnd();
    this.#listener.stopped();
  }

  hurry(): void {
    this.#gatherer.hurry(this);
  }
}
