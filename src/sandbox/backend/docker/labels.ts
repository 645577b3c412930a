/**
 * How what is ours is told from what is anybody else's, and what is a dead supervisor's from what is a living one's: each
 * container says which process of which boot of which machine has made it.
 */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isProcessRunning, pidNamespace, readProcessStat } from "../../../host/process-identity.js";

export const supervisorLabel = "orchestrator-executor.supervisor";
export const pidLabel = "orchestrator-executor.pid";
/** Of images that were made for views of packages. */
export const viewLabel = "orchestrator-executor.view";

/** Of this boot of this machine, where that can be told. */
function machine(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return hostname();
  }
}

let own: string | undefined;

function ownName(): string {
  own ??= [machine(), pidNamespace(), process.pid, readProcessStat("self")?.startTicks ?? 0].join("/");
  return own;
}

export function ownLabels(): Readonly<Record<string, string>> {
  return { [supervisorLabel]: ownName(), [pidLabel]: String(process.pid) };
}

/** Whether a label names a supervisor that was of this very machine and is no more. Of others nothing can be told. */
export function isOfDeadSupervisor(label: string): boolean {
  const [boot, namespace, pid, start] = label.split("/");
  if (boot !== machine() || Number(namespace) !== pidNamespace()) return false;
  return !isProcessRunning(Number(pid), Number(start));
}
