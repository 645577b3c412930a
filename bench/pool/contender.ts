import type { WorkloadName } from "./functions.js";

export const THREADS = 2;
export const IN_FLIGHT = 20;

/** A pool that is up, with its threads warm or warming. */
export type Pool =
  | {
      /** One task; `transfer` is moved, not copied. */
      run(input: unknown, transfer?: ArrayBuffer): Promise<unknown>;
    }
  | {
      /** Many tasks, which it keeps in flight itself; buffers are moved. */
      runAll(inputs: readonly unknown[]): Promise<void>;
    };

export type OpenPool = (workload: WorkloadName) => Pool | Promise<Pool>;
