/** What a worker process says beyond the protocol that it shares with threads. */
import type { ErrorData } from "../../model/error.js";
import type { ToParentMessage } from "../worker/protocol.js";

/** Numbers after those of `toParent`. */
export const fromProcess = {
  /** `[7, ErrorData]`: an error that nobody caught; the process dies of it now. */
  dying: 7,
  /** `[8, microseconds]`: CPU that the attempt whose end follows has used. */
  cpu: 8,
} as const;

export type FromProcessMessage =
  | ToParentMessage
  | [op: typeof fromProcess.dying, error: ErrorData]
  | [op: typeof fromProcess.cpu, microseconds: number];

/** The descriptor at which a worker process finds its parent. */
export const channelDescriptor = 3;

/** Environment variable with `ProcessSetup` as JSON; taken out before any module is loaded. */
export const setupVariable = "ORCHESTRATOR_WORKER";

export interface ProcessSetup {
  /** Bytes of resident memory beyond which the process asks to be replaced. */
  readonly recycleAfterBytes?: number;
  /** Whether CPU time is to be told, because no cgroup counts it. */
  readonly tellCpu: boolean;
}
