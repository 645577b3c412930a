/**
 * Outputs that are too large for the journal itself: each in a file of its own, named by the SHA-256 of its bytes. A file is
 * written under another name and then renamed, so one that has the name of its contents holds them.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OrchestratorError } from "../model/error.js";
import type { Durability } from "../port/journal.js";
import { ByteReader, MalformedBytes } from "./bytes.js";
import { decodeValue } from "./decode-value.js";
import type { StoredOutput } from "./record.js";
import { syncFolder } from "./segments.js";

const folderName = "outputs";

export function nameOfBytes(bytes: Uint8Array): string {
  // Loaded here, because most journals have no such file, and readers of journals cannot wait.
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(bytes).digest("hex");
}

export class OutputFiles {
  readonly #folder: string;
  readonly #durable: boolean;
  #made = false;
  #drafts = 0;

  constructor(runFolder: string, durability: Durability) {
    this.#folder = join(runFolder, folderName);
    this.#durable = durability === "power-loss";
  }

  /** Writes bytes under the name of their contents, where they are not there yet. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    if (!this.#made) mkdirSync(this.#folder, { recursive: true });
    this.#made = true;
    const path = join(this.#folder, name);
    const present = await stat(path).catch(() => undefined);
    if (present?.size === bytes.length) return;
    const draft = join(this.#folder, `draft-${process.pid}-${this.#drafts++}`);
    try {
      const file = await open(draft, "w");
      try {
        await file.writeFile(bytes);
        if (this.#durable) await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
    if (this.#durable) syncFolder(this.#folder);
    if (this.#durable) syncFolder(dirname(this.#folder));
  }
}

/** The output that a record tells of. @throws OrchestratorError `JOURNAL_DAMAGED` where its file is not what it was. */
export function loadOutput(runFolder: string, stored: StoredOutput): unknown {
  if ("value" in stored) return stored.value;
  const path = join(runFolder, folderName, stored.file);
  const bytes = readOutput(path);
  if (bytes.length !== stored.bytes || nameOfBytes(bytes) !== stored.file)
    throw damaged(path, "does not hold what it was named for");
  try {
    return decodeValue(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof MalformedBytes) throw damaged(path, error.message);
    throw error;
  }
}

function readOutput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw damaged(path, `cannot be read: ${(error as Error).message}`);
  }
}

function damaged(path: string, detail: string): OrchestratorError {
  return new OrchestratorError("JOURNAL_DAMAGED", `the journal is damaged: the output ${path} ${detail}`);
}
