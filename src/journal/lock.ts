/**
 * One run id has one writer. Who writes holds the lock file with the highest number, `lock.000003`, in the run's folder.
 *
 * The file of each holder is made by `link`, which fails where the name is taken and shows the file with all its contents or
 * not at all. To take over from a holder that is gone is to make the next number, which only one process can do; nobody
 * ever removes or replaces the file of a holder that may still run, so there is no moment in which two hold it. A
 * holder that is done says so in its file; the files of those before it are cleared away by the next one.
 *
 * Whether a holder on this machine still runs is told by its pid together with its start time and the machine's boot. Of one on
 * another machine (a shared folder) it cannot be told, so it is believed until its file is removed by hand.
 */
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isProcessRunning, pidNamespace, readProcessStat } from "../host/process-identity.js";
import { OrchestratorError } from "../model/error.js";

/** Who writes a journal. */
export interface JournalHolder {
  /** Its process. */
  readonly pid: number;
  /** Name of its machine. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

interface LockContents extends JournalHolder {
  readonly startTicks: number | null;
  readonly bootId: string | null;
  readonly pidNamespace: number;
  /** Whether the holder has said that it is done. */
  readonly released: boolean;
}

const lockName = /^lock\.(\d{6,})$/;

export class RunLock {
  readonly #file: string;
  readonly #contents: LockContents;

  private constructor(file: string, contents: LockContents) {
    this.#file = file;
    this.#contents = contents;
  }

  /** @throws OrchestratorError `JOURNAL_LOCKED` that names who holds it. */
  static acquire(folder: string, runId: string, at: number): RunLock {
    const contents = describeThisProcess(at);
    const draft = join(folder, `draft-${crypto.randomUUID()}`);
    writeFileSync(draft, textOf(contents));
    try {
      return new RunLock(takeNext(folder, draft, runId), contents);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Lets the next one have it. */
  release(): void {
    // In place and of the same length: the file must not be missing, or shorter, for a moment.
    writeFileSync(this.#file, textOf({ ...this.#contents, released: true }), { flag: "r+" });
  }
}

/** Who writes the journal in this folder now; `undefined` where nobody does. */
export function holderOf(folder: string): JournalHolder | undefined {
  const number = highestNumber(folder);
  if (number === 0) return undefined;
  const contents = readLock(folder, number);
  return contents !== undefined && mayRun(contents) ? contents : undefined;
}

function takeNext(folder: string, draft: string, runId: string): string {
  for (;;) {
    const number = highestNumber(folder);
    const holder = number === 0 ? undefined : readLock(folder, number);
    if (holder !== undefined && mayRun(holder)) throw lockedError(folder, runId, number, holder);
    const file = join(folder, lockFile(number + 1));
    try {
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw error;
    }
    // Somebody may have taken a higher one, and cleared this number away, since the folder was read.
    if (highestNumber(folder) === number + 1) {
      clearBefore(folder, number + 1);
      return file;
    }
    rmSync(file, { force: true });
  }
}

function lockFile(number: number): string {
  return `lock.${String(number).padStart(6, "0")}`;
}

function lockNumbers(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const match = lockName.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function highestNumber(folder: string): number {
  return Math.max(0, ...lockNumbers(folder));
}

function clearBefore(folder: string, number: number): void {
  for (const other of lockNumbers(folder)) if (other < number) rmSync(join(folder, lockFile(other)), { force: true });
}

function readLock(folder: string, number: number): LockContents | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, lockFile(number)), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as LockContents;
  } catch {
    // It was whole when it got its name: only a machine that lost power leaves it so, and then nobody runs.
    return undefined;
  }
}

function textOf(contents: LockContents): string {
  return JSON.stringify(contents).padEnd(400);
}

function mayRun(holder: LockContents): boolean {
  if (holder.released) return false;
  const own = describeThisProcess(0);
  if (holder.host !== own.host) return true;
  if (holder.bootId !== null && own.bootId !== null && holder.bootId !== own.bootId) return false;
  // Another container with the same host name: its pids mean nothing here.
  if (holder.pidNamespace !== own.pidNamespace) return true;
  if (holder.startTicks !== null) return isProcessRunning(holder.pid, holder.startTicks);
  return exists(holder.pid);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function describeThisProcess(since: number): LockContents {
  return {
    pid: process.pid,
    host: hostname(),
    since,
    startTicks: readProcessStat("self")?.startTicks ?? null,
    bootId: readBootId(),
    pidNamespace: pidNamespace(),
    released: false,
  };
}

function readBootId(): string | null {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return null;
  }
}

function lockedError(folder: string, runId: string, number: number, holder: LockContents): OrchestratorError {
  const who = holder.pid === process.pid && holder.host === hostname() ? "this process" : `process ${holder.pid}`;
  const since = new Date(holder.since).toISOString();
  const other =
    holder.host === hostname()
      ? "wait for its end, or stop it"
      : `wait for its end; if that machine is gone, remove ${join(folder, lockFile(number))}`;
  const message = `run "${runId}" is being written by ${who} on ${holder.host} since ${since}: ${other}`;
  return new OrchestratorError("JOURNAL_LOCKED", message);
}
