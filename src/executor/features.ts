/** What an executor does beyond running tasks, where somebody asks for it. */
import { askedOnly, type CacheDefaults } from "../core/cache-option.js";
import { defaultBatchSize } from "../model/batch.js";

export interface ExecutorFeatures {
  /** Most items of a batch call whose work names no `batchSize`. */
  readonly batchSize: number;
  /** Whether batch tasks are gathered; otherwise each is a call of its own. */
  readonly gather: boolean;
  /** Whether workers of the kinds that a run names are started with the run, and kept until the executor is closed. */
  readonly keepWarm: boolean;
  readonly caching: CacheDefaults;
}

/** Of an executor of which nothing is asked. */
export const plainFeatures: ExecutorFeatures = {
  batchSize: defaultBatchSize,
  gather: true,
  keepWarm: false,
  caching: askedOnly,
};
