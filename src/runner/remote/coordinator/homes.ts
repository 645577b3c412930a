/**
 * Attempts that were handed back because their worker lacks the module, or the room: each goes to the queue of one worker
 * that is known to have both, or fails when none has come for long enough. Workers are known by the records that they keep.
 */
import { purposeOf, workerRecord } from "../messages.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import { unplaceable } from "./failures.js";
import type { Need } from "./placement.js";
import type { Sender } from "./sender.js";
import type { SharedState } from "./shared-state.js";

const workersEveryMs = 1000;

export class Homes {
  readonly #state: SharedState;
  readonly #sender: Sender;
  readonly #homeless = new Set<CoordinatedAttempt>();
  #workersAt = Number.NEGATIVE_INFINITY;

  constructor(state: SharedState, sender: Sender) {
    this.#state = state;
    this.#sender = sender;
  }

  get homeless(): ReadonlySet<CoordinatedAttempt> {
    return this.#homeless;
  }

  seek(attempt: CoordinatedAttempt): void {
    attempt.homelessSince ??= performance.now();
    this.#homeless.add(attempt);
    this.#workersAt = Number.NEGATIVE_INFINITY;
  }

  /** The attempt is not wanted any more. */
  forget(attempt: CoordinatedAttempt): void {
    this.#homeless.delete(attempt);
  }

  /** Reads what workers say of themselves, once a second and whenever somebody needs it. */
  async readWorkers(): Promise<void> {
    if (performance.now() - this.#workersAt < workersEveryMs) return;
    const { transport, envelope } = this.#state.parts;
    const found = await transport.workers();
    this.#state.placement.workers = found.flatMap(({ id, text }) => {
      try {
        const record = workerRecord.parse(JSON.parse(envelope.open(purposeOf.record(id), text)));
        return record.id === id ? [record] : [];
      } catch (error) {
        this.#state.refused(error as Error);
        return [];
      }
    });
    this.#workersAt = performance.now();
  }

  find(): void {
    const { placement, parts } = this.#state;
    for (const attempt of this.#homeless) {
      const queue = placement.queueOfOneWith(this.#needOf(attempt));
      if (queue !== undefined) {
        this.#homeless.delete(attempt);
        attempt.homelessSince = undefined;
        this.#sender.sendTo(queue, attempt);
      } else if (performance.now() - attempt.homelessSince! > parts.placementMs) {
        this.#homeless.delete(attempt);
        const ids = placement.workers.map(({ id }) => id);
        attempt.end((listener) => listener.failed(unplaceable(attempt.returned, ids)));
      }
    }
  }

  #needOf({ encoded, request }: CoordinatedAttempt): Need {
    const work = encoded?.work;
    return {
      cpuCores: request.cpuCores ?? 0,
      memoryBytes: request.memoryBytes ?? 0,
      resources: this.#state.placement.resourcesOf(request),
      ...(work !== undefined && "module" in work ? { module: `${work.module}@${work.version}` } : undefined),
    };
  }
}
