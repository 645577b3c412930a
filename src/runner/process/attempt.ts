/** One attempt in the runner of processes: waiting, or in a process. */
import type { AttemptListener, AttemptRequest } from "../../port/runner.js";

export class ProcessAttempt {
  readonly request: AttemptRequest;
  readonly listener: AttemptListener;
  aborted = false;
  graceTimer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(request: AttemptRequest, listener: AttemptListener) {
    this.request = request;
    this.listener = listener;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Tells the one end; nothing where it was told before. */
  end(tell: (listener: AttemptListener) => void): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.graceTimer);
    tell(this.listener);
  }
}
