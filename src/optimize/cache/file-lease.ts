/**
 * Leases as files: the right to do something, held by one of the processes that share a folder.
 *
 * A lease is a file that is linked into place whole, so that of two processes one gets it and nobody reads half of it. Its
 * holder touches it while it works. Where the holder is a process of this machine, its death is seen at once by pid and
 * start time; elsewhere the lease is over when it has not been touched for a while. A lease that is over is moved aside by
 * whoever finds it, which one process alone can do; should it turn out to be another one's by then, it is put back.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CacheLease } from "../../port/cache-store.js";
import { isOwnerRunning, ownerText, parseOwner, randomName, thisOwner } from "./owner.js";

/** Without a touch for so long, a lease that cannot be told otherwise is over. */
const leaseMs = 15_000;
const touchMs = 5000;

export class FileLeases {
  readonly #folder: string;
  #made = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The lease, or `undefined` where another has it. Throws where the folder cannot be written. */
  take(name: string): CacheLease | undefined {
    if (!this.#made) mkdirSync(this.#folder, { recursive: true });
    this.#made = true;
    const path = join(this.#folder, name);
    const token = `${ownerText(thisOwner)} ${randomName()}`;
    const draft = join(this.#folder, `.${randomName()}`);
    try {
      writeFileSync(draft, token);
      if (!link(draft, path) && !(this.#removeOver(path) && link(draft, path))) return undefined;
    } finally {
      rmSync(draft, { force: true });
    }
    return hold(path, token);
  }

  /** Moves a lease aside whose holder is gone; says whether it did. */
  #removeOver(path: string): boolean {
    const found = readLease(path);
    if (found === undefined) return true;
    if (!isOver(found)) return false;
    const aside = join(this.#folder, `.${randomName()}`);
    try {
      renameSync(path, aside);
    } catch {
      return false;
    }
    const moved = readLease(aside);
    if (moved !== undefined && moved.token !== found.token) link(aside, path);
    rmSync(aside, { force: true });
    return moved === undefined || moved.token === found.token;
  }
}

interface FoundLease {
  readonly token: string;
  readonly touchedAt: number;
}

function isOver({ token, touchedAt }: FoundLease): boolean {
  const owner = parseOwner(token.split(" ")[0]!);
  const running = owner === undefined ? undefined : isOwnerRunning(owner);
  return running === undefined ? Date.now() - touchedAt > leaseMs : !running;
}

function readLease(path: string): FoundLease | undefined {
  try {
    return { token: readFileSync(path, "utf8"), touchedAt: statSync(path).mtimeMs };
  } catch {
    return undefined;
  }
}

function hold(path: string, token: string): CacheLease {
  const timer = setInterval(() => {
    try {
      const now = new Date();
      utimesSync(path, now, now);
    } catch {
      // Somebody took it for dead, or removed the folder: the work goes on, and may be done twice.
    }
  }, touchMs);
  timer.unref();
  return {
    release() {
      clearInterval(timer);
      if (readLease(path)?.token === token) rmSync(path, { force: true });
    },
  };
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
