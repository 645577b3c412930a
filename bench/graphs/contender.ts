import type { BenchTask, Shape } from "./shape.js";

/** Tasks that may run at once, for every contender that can limit them. */
export const CONCURRENCY = 20;

/** What a contender leaves: checked, and its results read, after the clock has stopped. */
export interface Outcome {
  verify(shape: Shape): void;
}

export type Contender =
  | { readonly takes: "tasks"; run(tasks: readonly BenchTask[]): Promise<Outcome> }
  /** The bare loop alone: it is the limit of what is possible, so it is spared strings and objects. */
  | { readonly takes: "integers"; run(shape: Shape): Promise<Outcome> };
