/** The port to machines besides this one: carries out attempts of described work for an executor that decides what starts when. */
import type { DescribedWork } from "../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "./runner.js";

/** What `ExecutionConfig.backend` takes: a description, opened when the first attempt needs it. */
export interface Backend {
  /** Kinds of work that it carries out; all others stay in the executor's own process. */
  readonly kinds: readonly DescribedWork["kind"][];
  /** @internal */
  open(): Promise<OpenBackend>;
}

export interface OpenBackend {
  start(request: AttemptRequest, listener: AttemptListener): AttemptControl;
  /** Nothing of this run will be started any more: what is kept for it elsewhere can go. */
  runEnded(runId: string): void;
  /** Gives back all that it holds here. Attempts still under way are stopped. */
  close(): Promise<void>;
}
