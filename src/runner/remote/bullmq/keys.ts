/** Names of everything that is kept in Redis, besides what BullMQ keeps under `queues`. */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** BullMQ's own prefix. */
  get queues(): string {
    return `${this.#prefix}:queue`;
  }

  /** Records of workers, which vanish with their worker. */
  worker(id: string): string {
    return `${this.#prefix}:worker:${id}`;
  }

  /** Ids of workers by when they are to be forgotten (sorted set). */
  get workers(): string {
    return `${this.#prefix}:workers`;
  }

  /** Queues that were ever used, by when (sorted set). */
  get queueNames(): string {
    return `${this.#prefix}:queue-names`;
  }

  /** Runs that are coordinated, by when they were seen last (sorted set). */
  get runs(): string {
    return `${this.#prefix}:runs`;
  }

  /** Counts of what was refused, fenced off, lost (hash). */
  get counts(): string {
    return `${this.#prefix}:counts`;
  }

  /** Answers to whoever coordinates a run that may be taken over (stream). */
  answers(runId: string): string {
    return `${this.#prefix}:run:${runId}:answers`;
  }

  /** Parcels of a run that are not settled, with what is in them (hash). */
  parcels(runId: string): string {
    return `${this.#prefix}:run:${runId}:parcels`;
  }

  /** How often the run was taken over (number). */
  epoch(runId: string): string {
    return `${this.#prefix}:run:${runId}:epoch`;
  }

  /** Answers to a coordinator, for all its other runs (stream). */
  inbox(coordinatorId: string): string {
    return `${this.#prefix}:coordinator:${coordinatorId}:answers`;
  }

  /** Orders to every worker, or to one (channel). */
  orders(workerId?: string): string {
    return workerId === undefined ? `${this.#prefix}:orders` : `${this.#prefix}:orders:${workerId}`;
  }
}
