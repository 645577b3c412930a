/**
 * This machine's copies of stored values. Processes of one user share the folder, so a value is fetched by one of them:
 * a lock file says who does, and one that is older than any fetch takes is nobody's.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const staleLockMs = 120_000;
const pollMs = 25;

export class LocalCopies {
  readonly #folder: string;
  readonly #limitBytes: number;
  readonly #loading = new Map<string, Promise<Buffer>>();
  #keptSince = 0;

  constructor(folder: string | undefined, limitBytes: number) {
    this.#folder = folder ?? join(tmpdir(), `orchestrator-data-${userInfo().uid}`);
    this.#limitBytes = limitBytes;
  }

  /** The bytes of this name: a copy, or what `fetch` gives, which is then kept. */
  get(name: string, fetch: () => Promise<Buffer>): Promise<Buffer> {
    let loading = this.#loading.get(name);
    if (loading === undefined) {
      loading = this.#load(name, fetch).finally(() => this.#loading.delete(name));
      this.#loading.set(name, loading);
    }
    return loading;
  }

  async keep(name: string, bytes: Buffer): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, name);
    if ((await stat(path).catch(() => undefined))?.size === bytes.length) return;
    const part = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    await writeFile(part, bytes, { mode: 0o600 });
    await rename(part, path);
    this.#keptSince += bytes.length;
    if (this.#keptSince > this.#limitBytes / 10) {
      this.#keptSince = 0;
      await this.#makeRoom();
    }
  }

  async #load(name: string, fetch: () => Promise<Buffer>): Promise<Buffer> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, name);
    for (;;) {
      const copy = await readFile(path).catch(() => undefined);
      if (copy !== undefined) {
        // What was used last goes last.
        await utimes(path, new Date(), new Date()).catch(() => {});
        return copy;
      }
      if (await this.#lock(path)) break;
      await delay(pollMs);
    }
    try {
      const bytes = await fetch();
      await this.keep(name, bytes);
      return bytes;
    } finally {
      await rm(`${path}.lock`, { force: true });
    }
  }

  async #lock(path: string): Promise<boolean> {
    try {
      await (await open(`${path}.lock`, "wx", 0o600)).close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const lock = await stat(`${path}.lock`).catch(() => undefined);
      if (lock !== undefined && Date.now() - lock.mtimeMs > staleLockMs) await rm(`${path}.lock`, { force: true });
      return false;
    }
  }

  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#folder);
    const files = await Promise.all(
      names.map(async (name) => ({ name, found: await stat(join(this.#folder, name)).catch(() => undefined) })),
    );
    let sum = files.reduce((total, { found }) => total + (found?.size ?? 0), 0);
    const oldest = files.filter(({ found }) => found !== undefined).sort((a, b) => a.found!.mtimeMs - b.found!.mtimeMs);
    for (const { name, found } of oldest) {
      if (sum <= this.#limitBytes) return;
      await rm(join(this.#folder, name), { force: true });
      sum -= found!.size;
    }
  }
}
