/** What a thread is given when it is made. */
import type { ServeOptions } from "../worker/serve.js";

export interface ThreadSetup {
  /** Claims; see `worker/protocol.ts`. */
  readonly shared: SharedArrayBuffer;
  readonly options: ServeOptions;
}
