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

class WorkerServer implements CallReporter {
  readonly #realm: WorkerRealm;
  readonly #options: ServeOptions;
  readonly #functions = new FunctionTable();
  readonly #calls: (CallContext | undefined)[] = [];
  readonly #waiting: (number | CallMessage)[] = [];
  #begun = 0;
  #announcedFull = false;

  constructor(realm: WorkerRealm, options: ServeOptions) {
    this.#realm = realm;
    this.#options = options;
  }

  receive(message: ToWorkerMessage): void {
    if (typeof message === "number") this.#take(message);
    else if (message[0] === toWorker.call) this.#take(message);
    else if (message[0] === toWorker.register) this.#functions.register(message[1], message[2], message[3]);
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
    if (typeof message === "number") {
      const slot = message % slotSpan;
      if (this.#realm.claim(slot)) this.#run(new CallContext(this, slot, "", "", 1), (message - slot) / slotSpan, {});
      return;
    }
    const slot = message[1];
    if (!this.#realm.claim(slot)) return;
    if ((message[4] & callFlags.announce) !== 0) this.#realm.post([toParent.started, slot]);
    const context = new CallContext(this, slot, message[5] ?? "", message[6] ?? "", message[7] ?? 1);
    this.#run(context, message[2], message[3] ?? {});
  }

  #run(context: CallContext, functionNumber: number, inputs: unknown): void {
    this.#begun++;
    this.#calls[context.slot] = context;
    const loaded = this.#functions.get(functionNumber);
    if (loaded !== undefined) {
      this.#call(loaded, context, inputs);
      return;
    }
    this.#functions.whenLoaded(functionNumber).then(
      (found) => this.#call(found, context, inputs),
      (error) => this.#fail(context, failureKind.moduleNotLoaded, error, functionNumber),
    );
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
    this.#realm.post([toParent.failed, context.slot, kind, toErrorData(error), functionNumber]);
    this.#end(context);
  }

  #end(context: CallContext): void {
    this.#calls[context.slot] = undefined;
    context.slot = -1;
    this.#begun--;
    const limit = this.#options.recycleAfterBytes;
    if (limit !== undefined && !this.#announcedFull && this.#realm.usedBytes() > limit) {
      this.#announcedFull = true;
      this.#realm.post([toParent.full]);
    }
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

  #draining = false;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
