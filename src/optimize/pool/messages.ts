/** What a pool says when it cannot give a resource: who holds them. */
import { OrchestratorError } from "../../model/error.js";
import { formatDurationMs } from "../../model/units.js";
import type { CheckedPool, PoolWarning } from "./options.js";

export interface PoolText {
  readonly name: string;
  readonly checked: CheckedPool;
  readonly waiting: number;
  readonly holders: readonly { readonly holder: string; readonly heldFor: number }[];
}

export function closedError(name: string): OrchestratorError {
  return new OrchestratorError("QUEUE_CLOSED", `the pool "${name}" is closed`);
}

export function fullError({ name, checked, waiting, holders }: PoolText): OrchestratorError {
  const message = `${waiting} wait for pool "${name}", which is the most (maxWaiting); its ${checked.max} resources are held by ${listed(holders)}`;
  return new OrchestratorError("QUEUE_FULL", message);
}

export function timeoutError({ name, checked, holders }: PoolText): OrchestratorError {
  const limit = formatDurationMs(checked.acquireTimeoutMs);
  const message = `nothing came free in pool "${name}" in ${limit} (acquireTimeout); its resources are held by ${listed(holders)}`;
  return new OrchestratorError("ACQUIRE_TIMEOUT", message);
}

export function emitWarning(warning: PoolWarning): void {
  process.emitWarning(warning.message, { type: "ResourcePoolWarning", detail: warning.stack ?? "" });
}

function listed(holders: PoolText["holders"]): string {
  if (holders.length === 0) return "nobody";
  const first = holders.slice(0, 5).map(({ holder, heldFor }) => `${holder} (${formatDurationMs(heldFor * 1000)})`);
  return holders.length > 5 ? `${first.join(", ")} and ${holders.length - 5} more` : first.join(", ");
}
