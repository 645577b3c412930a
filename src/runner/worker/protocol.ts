/**
 * What a worker (a thread or a process) and its parent say to one another.
 *
 * Messages are small arrays that begin with a number, because their cost is most of what a short attempt costs. The two
 * most frequent ones, a call without inputs and an end without an output, are bare numbers. An attempt is named by a
 * slot, a small number that its worker's parent gives it and uses again after its end.
 */
import type { ErrorData } from "../../model/error.js";

/** Parent to worker. */
export const toWorker = {
  /** `[0, slot, function, inputs, flags, runId?, taskId?, attempt?, trace?]` */
  call: 0,
  /** `[1, function, module, exportName]`: gives an exported function a number. */
  register: 1,
  /** `[2, slot, ErrorData]`: aborts the attempt's signal. */
  abort: 2,
  /** `[3, calls]`: several calls, to be taken one by one. */
  calls: 3,
} as const;

/** Worker to parent. */
export const toParent = {
  /** `[0, slot, output]` */
  succeeded: 0,
  /** `[1, slot, failureKind, ErrorData, function]` */
  failed: 1,
  /** `[2, slot]`: the attempt begins now; sent only where `callFlags.announce` is set. */
  started: 2,
  /** `[3, slot, value]` */
  progress: 3,
  /** `[4, slot, text]` */
  log: 4,
  /** `[5]`: the worker takes calls. */
  ready: 5,
  /** `[6]`: the worker uses more memory than `recycleAfterBytes`. */
  full: 6,
} as const;

export const callFlags = { announce: 1 } as const;

/** How an attempt failed inside the worker. */
export const failureKind = { thrown: 0, notSerialisable: 1, moduleNotLoaded: 2 } as const;

export type CallMessage = [
  op: typeof toWorker.call,
  slot: number,
  functionNumber: number,
  inputs: unknown,
  flags: number,
  runId?: string,
  taskId?: string,
  attempt?: number,
  trace?: Readonly<Record<string, string>>,
];

export type ToWorkerMessage =
  | number
  | CallMessage
  | [op: typeof toWorker.register, functionNumber: number, module: string, exportName: string]
  | [op: typeof toWorker.abort, slot: number, reason: ErrorData]
  | [op: typeof toWorker.calls, calls: (number | CallMessage)[]];

export type FailureKind = (typeof failureKind)[keyof typeof failureKind];

export type ToParentMessage =
  | number
  | [op: typeof toParent.succeeded, slot: number, output: unknown]
  | [op: typeof toParent.failed, slot: number, kind: FailureKind, error: ErrorData, functionNumber: number]
  | [op: typeof toParent.started, slot: number]
  | [op: typeof toParent.progress, slot: number, value: unknown]
  | [op: typeof toParent.log, slot: number, text: string]
  | [op: typeof toParent.ready]
  | [op: typeof toParent.full];

/** A call without inputs as one number: `function * slotSpan + slot`. Also the most attempts that one worker is given at once. */
export const slotSpan = 1024;

/**
 * Memory shared by a thread and its parent: one number for each slot, and one that says which attempt's code is on the
 * stack. A call is taken by whoever changes its number first: the worker to `begun`, or the parent to `withdrawn`
 * (because it was aborted, or an idle worker can have it). So a parent knows for certain what never began.
 */
export const claim = { waiting: 0, begun: 1, withdrawn: 2, dropped: 3 } as const;

/** Where the number of the attempt that is on the stack lies (its slot + 1; 0 for none). Slots follow. */
export const onStackIndex = 0;

export const claimIndex = (slot: number): number => slot + 1;
