/**
 * Users for runs. Where the supervisor may give processes any user (it is root), each run gets one that no other run
 * and nobody on the host has, so that the kernel itself keeps runs apart.
 *
 * A supervisor claims a block of numbers by creating a file for it, exclusively, and hands numbers out of its block in
 * memory. A block whose owner is dead is taken over, after everything that still runs under its numbers was killed.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isProcessRunning, pidNamespace, readProcessStat } from "../../../host/process-identity.js";
import { OrchestratorError } from "../../../model/error.js";

const blockFolder = "/run/orchestrator-sandbox-users";
const usersPerBlock = 4096;
const blocks = 1024;

/**
 * Where blocks may begin: in the range that systemd's list of user numbers leaves unused, or, in a container that has
 * only the first 65,536, below the dynamic users of systemd.
 */
const bases = [
  { first: 1_900_000_000, count: blocks * usersPerBlock },
  { first: 30_000, count: 7 * usersPerBlock },
];

export class UserBlock {
  readonly first: number;
  readonly count = usersPerBlock;
  readonly #file: string;
  readonly #taken = new Set<number>();
  #next = 0;

  private constructor(first: number, file: string) {
    this.first = first;
    this.#file = file;
    process.once("exit", () => this.close());
  }

  /** @throws OrchestratorError where no block is free or the host maps no such users. */
  static claim(): UserBlock {
    mkdirSync(blockFolder, { recursive: true, mode: 0o700 });
    const owner = statSync(blockFolder).uid;
    if (owner !== process.getuid?.())
      throw new OrchestratorError("SANDBOX_FAILURE", `${blockFolder} belongs to user ${owner}`);
    for (const base of bases) {
      if (!isMapped(base.first, base.count)) continue;
      for (let first = base.first; first < base.first + base.count; first += usersPerBlock) {
        const file = join(blockFolder, String(first));
        if (claimFile(file, first)) return new UserBlock(first, file);
      }
    }
    throw new OrchestratorError("SANDBOX_FAILURE", "no block of user numbers is free for the runs of this process");
  }

  /** A user that no run has. Numbers come round as late as possible. */
  take(): number {
    for (let tries = 0; tries < this.count; tries++) {
      const user = this.first + (this.#next++ % this.count);
      if (this.#taken.has(user)) continue;
      this.#taken.add(user);
      return user;
    }
    throw new OrchestratorError("SANDBOX_FAILURE", `more than ${this.count} sandboxes at once`);
  }

  release(user: number): void {
    this.#taken.delete(user);
  }

  close(): void {
    rmSync(this.#file, { force: true });
  }
}

function claimFile(file: string, first: number): boolean {
  const owner = `${pidNamespace()} ${process.pid} ${readProcessStat("self")?.startTicks ?? 0}`;
  for (;;) {
    try {
      writeFileSync(file, owner, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (!takeOver(file, first)) return false;
  }
}

/**
 * Removes the claim of a dead supervisor, and kills what it left running. Whether it was this process that did:
 * between a look at the claim and its removal another process may have made a new one, so whoever removes holds a lock.
 */
function takeOver(file: string, first: number): boolean {
  if (!isAbandoned(file)) return false;
  const lock = `${file}.takeover`;
  try {
    writeFileSync(lock, "", { flag: "wx", mode: 0o600 });
  } catch {
    return false; // Somebody else is at it, or died at it: another block will do.
  }
  try {
    if (!isAbandoned(file)) return false;
    killUsers(first, usersPerBlock);
    rmSync(file, { force: true });
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

function isAbandoned(file: string): boolean {
  try {
    const [namespace, pid, start] = readFileSync(file, "latin1").split(" ").map(Number);
    return namespace === pidNamespace() && !isProcessRunning(pid!, start!);
  } catch {
    return false; // Being made, or gone: the next block will do.
  }
}

/** Whether this user namespace knows the numbers. */
function isMapped(first: number, count: number): boolean {
  return ["uid_map", "gid_map"].every((name) => {
    const lines = readFileSync(`/proc/self/${name}`, "latin1").trim().split("\n");
    return lines.some((line) => {
      const [inside, , length] = line.trim().split(/\s+/).map(Number);
      return inside! <= first && first + count <= inside! + length!;
    });
  });
}

/** Kills every process of a range of users. Returns how many there were. */
export function killUsers(first: number, count: number): number {
  let killed = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { uid } = statSync(`/proc/${name}`);
      if (uid < first || uid >= first + count) continue;
      process.kill(Number(name), "SIGKILL");
      killed++;
    } catch {
      // Gone meanwhile.
    }
  }
  return killed;
}

/** Gives back blocks of dead supervisors, and kills what they left running. */
export function sweepUsers(): void {
  let names: string[];
  try {
    names = readdirSync(blockFolder);
  } catch {
    return;
  }
  for (const name of names) {
    const file = join(blockFolder, name);
    if (/^\d+$/.test(name)) takeOver(file, Number(name));
  }
}
