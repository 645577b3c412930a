/**
 * The fork servers of a supervisor: one for each view, started when it is first asked for, ended when it was not used
 * for a while or when too many others are, and replaced when it dies or has forked so often that its runs should get a
 * new layout of memory and a new hash seed, which all forks of one server share.
 */
import type { ForkServer } from "./fork-server.js";

export interface ServerPoolOptions {
  readonly maximumServers: number;
  /** A server that was not used for so long is ended. */
  readonly idleMs: number;
  /** Forks after which a server is replaced. */
  readonly maximumForks: number;
}

interface Slot {
  readonly server: Promise<ForkServer>;
  /** Runs and spares that live in it. */
  users: number;
  retired: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** A server in use; `release` once its run is gone. */
export interface ServerLease {
  readonly server: ForkServer;
  release(): void;
}

export class ServerPool {
  readonly #options: ServerPoolOptions;
  /** By key, the one used longest ago first. */
  readonly #slots = new Map<string, Slot>();
  readonly #ending = new Set<Promise<unknown>>();

  constructor(options: ServerPoolOptions) {
    this.#options = options;
  }

  /** The server of a key; `start` makes it where there is none. Rejects where it cannot be started. */
  async use(key: string, start: () => Promise<ForkServer>): Promise<ServerLease> {
    const slot = this.#slots.get(key) ?? this.#open(start);
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    slot.users++;
    clearTimeout(slot.idle);
    try {
      const server = await slot.server;
      if (!server.alive || server.forks >= this.#options.maximumForks) {
        this.#forget(key, slot);
        if (!server.alive) throw new Error("a fork server has died");
      }
      this.#makeRoom();
      let released = false;
      const release = () => {
        if (!released) this.#release(key, slot);
        released = true;
      };
      return { server, release };
    } catch (error) {
      this.#forget(key, slot);
      this.#release(key, slot);
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const [key, slot] of this.#slots) {
      this.#forget(key, slot);
      this.#end(slot);
    }
    await Promise.all(this.#ending);
  }

  #open(start: () => Promise<ForkServer>): Slot {
    return { server: start(), users: 0, retired: false, idle: undefined };
  }

  #release(key: string, slot: Slot): void {
    slot.users--;
    if (slot.users > 0) return;
    if (slot.retired) {
      this.#end(slot);
      return;
    }
    slot.idle = setTimeout(() => {
      this.#forget(key, slot);
      this.#end(slot);
    }, this.#options.idleMs);
    slot.idle.unref();
  }

  /** The next user of the key gets a new one; this one ends with its last. */
  #forget(key: string, slot: Slot): void {
    slot.retired = true;
    clearTimeout(slot.idle);
    if (this.#slots.get(key) === slot) this.#slots.delete(key);
  }

  #makeRoom(): void {
    for (const [key, slot] of this.#slots) {
      if (this.#slots.size <= this.#options.maximumServers) return;
      if (slot.users > 0) continue;
      this.#forget(key, slot);
      this.#end(slot);
    }
  }

  #end(slot: Slot): void {
    const ended = slot.server.then((server) => server.close()).catch(() => {});
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }
}
