/**
 * Posts calls to a thread, each at once, or those of one turn in one message: a message wakes its thread, which costs more
 * than a short call. A sender that gathers must not block its event loop, because what it has gathered leaves when the
 * turn is over. Gathered or not, a thread takes calls one by one, each by its claim.
 */
import type { MessagePort } from "node:worker_threads";
import { type CallMessage, toWorker } from "../worker/protocol.js";

/** A call whose inputs cannot be cloned. */
export type OnUnsent = (slot: number, error: unknown) => void;

export class Calls {
  readonly #port: MessagePort;
  readonly #gathers: boolean;
  readonly #onUnsent: OnUnsent;
  #gathered: { readonly slot: number; readonly call: number | CallMessage }[] = [];

  constructor(port: MessagePort, gathers: boolean, onUnsent: OnUnsent) {
    this.#port = port;
    this.#gathers = gathers;
    this.#onUnsent = onUnsent;
  }

  /** Throws where the call cannot be cloned, unless calls are gathered: then `onUnsent` is told. */
  post(slot: number, call: number | CallMessage, transfer?: readonly ArrayBuffer[]): void {
    if (transfer !== undefined) this.#port.postMessage(call, transfer);
    else if (!this.#gathers) this.#port.postMessage(call);
    else if (this.#gathered.push({ slot, call }) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    if (gathered.length > 1) {
      try {
        this.#port.postMessage([toWorker.calls, gathered.map(({ call }) => call)]);
        return;
      } catch {
        // One of them cannot be cloned: each by itself, to find out which.
      }
    }
    for (const { slot, call } of gathered) {
      try {
        this.#port.postMessage(call);
      } catch (error) {
        this.#onUnsent(slot, error);
      }
    }
  }
}
