/** A folder that every machine sees, such as a network mount. */
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Bucket } from "./open-store.js";

export class FileBucket implements Bucket {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    const path = this.#pathOf(name);
    if ((await stat(path).catch(() => undefined))?.size === bytes.length) return;
    await mkdir(dirname(path), { recursive: true });
    // Whole or not at all, whoever writes the same value at the same time.
    const part = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    await writeFile(part, bytes);
    await rename(part, path);
  }

  get(name: string): Promise<Buffer> {
    return readFile(this.#pathOf(name));
  }

  #pathOf(name: string): string {
    return join(this.#folder, name.slice(0, 2), name);
  }
}
