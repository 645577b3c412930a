/**
 * The worker's side of the protocol, the same in a thread and in a process: takes calls, begins at most
 * `tasksPerWorker` at once, and answers each with exactly one end.
 */
import { fromErrorData, toErrorData } from "../../model/error.js";
import { type TransferItem, transferListOf } from "../../model/transfer.js";
import { CallContext, type CallReporter } from "./call-context.js";
import { FunctionTable, type LoadedFunction } from "./functions.js";
import {
  type CallMessage,
  callFlags,
  type FailureKind,
  failureKind,
  slotSpan,
  type ToParentMessage,
  type ToWorkerMessage,
  toParent,
  toWorker,
} from "./protocol.js";

/** What differs between a thread and a process. */
export interface WorkerRealm {
  /** Throws where the message cannot be serialised. */
  post(message: ToParentMessage, transfer?: readonly TransferItem[]): void;
  /** Takes the call for this worker; `false` where its parent has withdrawn it. */
  claim(slot: number): boolean;
  /** The code of this attempt is on the stack from now on; -1 for none. */
  onStack(slot: number): void;
  /** Bytes in use, asked after each call where there is a limit. */
  usedBytes(): number;
}

export interface ServeOptions {
  readonly tasksPerWorker: number;
  readonly recycleAfterBytes: number | undefined;
}

/** Begins to serve; the returned function takes each message from the parent. */
export function serve(realm: WorkerRealm, options: ServeOptions): (message: ToWorkerMessage) => void {
  const server = new WorkerServer(realm, options);
  realm.post([toParent.ready]);
  return (message) => server.receive(message);
}

/** A call of a pool that is used by itself. */
const unnamed = { runId: "", taskId: "", attempt: 1 };

class WorkerServer implements CallReporter {
  readonly #realm: WorkerRealm;
  readonly #options: ServeOptions;
  readonly #functions = new FunctionTable();
  readonly #calls: (CallContext | undefined)[] = [];
  readonly #waiting: (number | CallMessage)[] = [];
  #begun = 0;
  #announcedFull = false;
  #draining = false;

  constructor(realm: WorkerRealm, options: ServeOptions) {
    this.#realm = realm;
    this.#options = options;
  }

  receive(message: ToWorkerMessage): void {
    if (typeof message === "number") this.#take(message);
    else if (message[0] === toWorker.call) this.#take(message);
    else if (message[0] === toWorker.register) this.#functions.register(message[1], message[2], message[3]);
    else if (message[0] === toWorker.calls) for (const call of message[1]) this.#take(call);
    else this.#calls[message[1]]?.abort(fromErrorData(message[2]));
  }

  progress(call: CallContext, value: unknown): void {
    if (call.slot >= 0) this.#realm.post([toParent.progress, call.slot, value]);
  }

  log(call: CallContext, text: string): void {
    if (call.slot >= 0) this.#realm.post([toParent.log, call.slot, String(text)]);
  }

  #take(call: number | CallMessage): void {
    if (this.#begun < this.#options.tasksPerWorker) this.#begin(call);
    else this.#waiting.push(call);
  }

  #begin(message: number | CallMessage): void {
    const slot = typeof message === "number" ? message % slotSpan : message[1];
    const functionNumber = typeof message === "number" ? (message - slot) / slotSpan : message[2];
    const loaded = this.#functions.get(functionNumber);
    if (loaded === undefined && !this.#functions.beginLoading(functionNumber, () => this.#take(message))) return;
    if (!this.#realm.claim(slot)) {
      if (loaded === undefined) this.#functions.endLoading(functionNumber);
      return;
    }
    this.#begun++;
    const context = this.#contextOf(message, slot);
    const inputs = typeof message === "number" ? {} : (message[3] ?? {});
    this.#calls[slot] = context;
    if (loaded !== undefined) this.#call(loaded, context, inputs);
    else void this.#load(functionNumber, context, inputs);
  }

  #contextOf(message: number | CallMessage, slot: number): CallContext {
    if (typeof message === "number") return new CallContext(this, slot, unnamed);
    if ((message[4] & callFlags.announce) !== 0) this.#realm.post([toParent.started, slot]);
    const [, , , , , runId = "", taskId = "", attempt = 1, trace] = message;
    return new CallContext(this, slot, { runId, taskId, attempt, trace });
  }

  async #load(functionNumber: number, context: CallContext, inputs: unknown): Promise<void> {
    try {
      const loaded = await this.#functions.load(functionNumber);
      if (context.aborted === undefined) this.#call(loaded, context, inputs);
      else this.#fail(context, failureKind.thrown, context.aborted);
    } catch (error) {
      this.#fail(context, failureKind.moduleNotLoaded, error, functionNumber);
    } finally {
      this.#functions.endLoading(functionNumber);
    }
  }

  #call(run: LoadedFunction, context: CallContext, inputs: unknown): void {
    let output: unknown;
    this.#realm.onStack(context.slot);
    try {
      output = run(inputs, context);
    } catch (error) {
      this.#realm.onStack(-1);
      this.#fail(context, failureKind.thrown, error);
      return;
    }
    this.#realm.onStack(-1);
    if (isThenable(output)) {
      Promise.resolve(output).then(
        (value) => this.#succeed(context, value),
        (error) => this.#fail(context, failureKind.thrown, error),
      );
    } else {
      this.#succeed(context, output);
    }
  }

  #succeed(context: CallContext, output: unknown): void {
    if (this.#options.recycleAfterBytes !== undefined) this.#checkMemory(this.#options.recycleAfterBytes);
    if (output === undefined) {
      this.#realm.post(context.slot);
    } else {
      try {
        this.#realm.post([toParent.succeeded, context.slot, output], transferListOf(output));
      } catch (error) {
        this.#fail(context, failureKind.notSerialisable, error);
        return;
      }
    }
    this.#end(context);
  }

  #fail(context: CallContext, kind: FailureKind, error: unknown, functionNumber = -1): void {
    if (this.#options.recycleAfterBytes !== undefined) this.#checkMemory(this.#options.recycleAfterBytes);
    this.#realm.post([toParent.failed, context.slot, kind, toErrorData(error), functionNumber]);
    this.#end(context);
  }

  /** Told before the end, so that the parent does not give the next attempt to a worker that is to be replaced. */
  #checkMemory(limitBytes: number): void {
    if (this.#announcedFull || this.#realm.usedBytes() <= limitBytes) return;
    this.#announcedFull = true;
    this.#realm.post([toParent.full]);
  }

  #end(context: CallContext): void {
    this.#calls[context.slot] = undefined;
    context.slot = -1;
    this.#begun--;
    // Not begun from here but from the loop below or the next turn: a row of synchronous calls must not nest.
    if (this.#waiting.length > 0) this.#drainSoon();
  }

  #drainSoon(): void {
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      while (this.#waiting.length > 0 && this.#begun < this.#options.tasksPerWorker)
        this.#begin(this.#waiting.shift()!);
    });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
