/** Large values, each in a file named by the SHA-256 of its content: written once, checked at each reading. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomName } from "./owner.js";

/** A file that nobody refers to is not removed while somebody may be about to. */
const youngSeconds = 600;

export class ValueFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps a value; gives the 32 bytes that it is found by. Throws where it cannot be written. */
  write(bytes: Uint8Array): Buffer {
    const digest = digestOf(bytes);
    const path = this.#pathOf(digest);
    if (statSync(path, { throwIfNoEntry: false })?.size === bytes.length) {
      const now = new Date();
      utimesSync(path, now, now);
      return digest;
    }
    mkdirSync(join(path, ".."), { recursive: true });
    const temporary = `${path}.${randomName()}.part`;
    try {
      writeFileSync(temporary, bytes);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    return digest;
  }

  /** The value; `undefined` where the file is gone. Throws where it is there and cannot be read now. */
  read(digest: Buffer): Buffer | "damaged" | undefined {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#pathOf(digest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return digestOf(bytes).equals(digest) ? bytes : "damaged";
  }

  sizeOf(hexDigest: string): number {
    return statSync(this.#pathOf(Buffer.from(hexDigest, "hex")), { throwIfNoEntry: false })?.size ?? 0;
  }

  remove(digest: Buffer): void {
    rmSync(this.#pathOf(digest), { force: true });
  }

  /** Removes what is not among `used` (by hexadecimal digest); gives the bytes of what is left. */
  collect(used: ReadonlySet<string>): number {
    let bytes = 0;
    for (const { path, digest } of this.#files()) {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (used.has(digest) || Date.now() - stat.mtimeMs < youngSeconds * 1000) bytes += stat.size;
      else rmSync(path, { force: true });
    }
    return bytes;
  }

  #files(): { path: string; digest: string }[] {
    return namesIn(this.#folder).flatMap((start) => {
      const folder = join(this.#folder, start);
      return namesIn(folder).map((rest) => ({ path: join(folder, rest), digest: start + rest }));
    });
  }

  #pathOf(digest: Buffer): string {
    const text = digest.toString("hex");
    return join(this.#folder, text.slice(0, 2), text.slice(2));
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
