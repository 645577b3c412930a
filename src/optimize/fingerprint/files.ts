/** Files by their content: digests that are kept while the file's stamp stays what it was, and stamps that tell of a change. */
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Changes whenever the file does: every write moves its times, every replacement its number. */
export interface FileStamp {
  readonly path: string;
  readonly stamp: string;
}

interface KnownFile {
  readonly stamp: string;
  readonly digest: string;
}

const absent = "absent";
/** A file that was written so shortly before may be written again under the same time. */
const racyMs = 100;
const mostKnown = 10_000;

export function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? absent : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

export function areUnchanged(stamps: readonly FileStamp[]): boolean {
  return stamps.every(({ path, stamp }) => stampOf(path) === stamp);
}

export class FileDigests {
  readonly #known = new Map<string, KnownFile>();

  /** Digest of a file's content, `"absent"` where there is none; its stamp goes to `stamps`. */
  async digest(path: string, stamps: FileStamp[]): Promise<string> {
    const stamp = stampOf(path);
    stamps.push({ path, stamp });
    if (stamp === absent) return absent;
    const known = this.#known.get(path);
    if (known?.stamp === stamp) return known.digest;
    const digest = await hashFile(path);
    if (Date.now() - statSync(path).mtimeMs > racyMs) this.#keep(path, { stamp, digest });
    return digest;
  }

  /** What a declared path holds: a file's digest, or those of all files below a folder by their relative paths. */
  async content(path: string, stamps: FileStamp[]): Promise<unknown> {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true) return this.digest(path, stamps);
    stamps.push({ path, stamp: stampOf(path) });
    const names = readdirSync(path, { withFileTypes: true });
    const held: Record<string, unknown> = {};
    for (const entry of names) held[entry.name] = await this.content(join(path, entry.name), stamps);
    return held;
  }

  #keep(path: string, known: KnownFile): void {
    this.#known.delete(path);
    this.#known.set(path, known);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value!);
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("base64url");
}
