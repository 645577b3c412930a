/** Names of processes in files that several processes share, and whether such a process still runs. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isProcessRunning, pidNamespace, readProcessStat } from "../../host/process-identity.js";

/** Who holds a file. A pid means something only where it was given: on that machine, since its start, in that namespace. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  readonly startTicks: number;
}

const host = createHash("sha256").update(`${hostname()} ${bootId()} ${pidNamespace()}`).digest("hex").slice(0, 8);

export const thisOwner: Owner = { host, pid: process.pid, startTicks: readProcessStat("self")?.startTicks ?? 0 };

export function ownerText({ host: name, pid, startTicks }: Owner): string {
  return `${name}.${pid}.${startTicks}`;
}

/** The owner that `ownerText` wrote, or `undefined`. */
export function parseOwner(text: string): Owner | undefined {
  const match = /^([0-9a-f]{8})\.(\d+)\.(\d+)$/.exec(text);
  return match === null ? undefined : { host: match[1]!, pid: Number(match[2]), startTicks: Number(match[3]) };
}

/** Whether the process runs: `undefined` where that cannot be told from here. */
export function isOwnerRunning(owner: Owner): boolean | undefined {
  if (owner.host !== host) return undefined;
  if (owner.pid === process.pid && owner.startTicks === thisOwner.startTicks) return true;
  if (owner.startTicks > 0) return isProcessRunning(owner.pid, owner.startTicks);
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function randomName(): string {
  return randomBytes(6).toString("hex");
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
