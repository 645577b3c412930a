/** The port to whoever watches runs: monitor, journal, progress, traces. */
import type { RunEvent } from "../model/event.js";

export interface Observer {
  /** Told of every event of every run, in order. Must be quick; what it throws is reported as a warning and the run goes on. */
  observe(event: RunEvent): void;
}
