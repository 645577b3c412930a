/** One attempt inside a pool of threads. */
import type { AttemptListener } from "../../port/runner.js";
import type { KnownFunction } from "../worker/function-numbers.js";
import type { PoolThread } from "./pool-thread.js";

export interface JobIdentity {
  readonly runId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

export class Job {
  readonly known: KnownFunction;
  readonly inputs: unknown;
  readonly listener: AttemptListener;
  readonly identity: JobIdentity | undefined;
  readonly transfer: readonly ArrayBuffer[] | undefined;
  /** Whether the worker tells when the attempt begins, because a clock waits for it. */
  readonly announce: boolean;
  /** Runs with no other attempt in its worker, so that there is no doubt whose fault an end is. */
  readonly alone: boolean;
  /** A thread that served the same key before is preferred. */
  readonly affinity: string | undefined;
  thread: PoolThread | undefined;
  slot = -1;
  /** Whether `started` was told. */
  told = false;
  aborted: Error | undefined;
  graceTimer: NodeJS.Timeout | undefined;
  over = false;

  constructor(known: KnownFunction, inputs: unknown, listener: AttemptListener, options: JobOptions = {}) {
    this.known = known;
    this.inputs = inputs;
    this.listener = listener;
    this.identity = options.identity;
    this.transfer = options.transfer;
    this.announce = options.announce ?? false;
    this.alone = options.alone ?? false;
    this.affinity = options.affinity;
  }

  tellStarted(workerId: string): void {
    if (this.told) return;
    this.told = true;
    this.listener.started(workerId);
  }

  /** Marks the one end. `false` where it has ended already. */
  end(): boolean {
    if (this.over) return false;
    this.over = true;
    if (this.graceTimer !== undefined) clearTimeout(this.graceTimer);
    return true;
  }
}

export interface JobOptions {
  readonly identity?: JobIdentity | undefined;
  readonly transfer?: readonly ArrayBuffer[] | undefined;
  readonly announce?: boolean;
  readonly alone?: boolean;
  readonly affinity?: string | undefined;
}
