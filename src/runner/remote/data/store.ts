/**
 * Values by the digest of their bytes: `put` gives a reference, `load` the value. Each machine keeps copies in a folder;
 * a value is fetched once by a machine, whoever asks and however often at the same time.
 */
import { createHash } from "node:crypto";
import { OrchestratorError } from "../../../model/error.js";
import { parseBytes } from "../../../model/units.js";
import { fromBytes } from "../value-codec.js";
import { FileBucket } from "./file-bucket.js";
import { LocalCopies } from "./local-copies.js";
import type { DataOptions } from "./options.js";
import type { DataReference } from "./reference.js";
import { S3Bucket } from "./s3-bucket.js";

/** Named bytes that every machine can reach. */
export interface Bucket {
  /** Idempotent: the name says what the bytes are. */
  put(name: string, bytes: Buffer): Promise<void>;
  get(name: string): Promise<Buffer>;
}

/**
 * Large values by the digest of their bytes, with copies on this machine.
 *
 * @example needs the folder of a cluster
 * const store = new DataStore({ kind: "file", folder: "/srv/values" });
 * const read = (output: unknown) => (isDataReference(output) ? store.load(output) : output);
 */
export class DataStore {
  readonly #bucket: Bucket;
  readonly #copies: LocalCopies;
  readonly #putting = new Map<string, Promise<void>>();
  /** Values that came from the bucket, and their bytes. */
  readonly moved = { values: 0, bytes: 0 };

  constructor(options: DataOptions) {
    this.#bucket = options.kind === "file" ? new FileBucket(options.folder) : new S3Bucket(options);
    this.#copies = new LocalCopies(options.cacheFolder, parseBytes(options.cacheLimit ?? "10GB"));
  }

  /** Keeps bytes and gives the reference to them; the same bytes are kept once. */
  async put(bytes: Buffer): Promise<DataReference> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    let putting = this.#putting.get(sha256);
    if (putting === undefined) {
      putting = Promise.all([this.#bucket.put(sha256, bytes), this.#copies.keep(sha256, bytes)]).then(() => {});
      this.#putting.set(sha256, putting);
      putting.finally(() => this.#putting.delete(sha256)).catch(() => {});
    }
    await putting;
    return { kind: "orchestrator-data", sha256, bytes: bytes.length };
  }

  /** The value. Rejects where the store has it not, or has other bytes under its name. */
  async load({ sha256, bytes }: DataReference): Promise<unknown> {
    const found = await this.#copies.get(sha256, async () => {
      const fetched = await this.#bucket.get(sha256);
      const digest = createHash("sha256").update(fetched).digest("hex");
      if (digest !== sha256) {
        throw new OrchestratorError("INTERNAL", `the store's value ${sha256} of ${bytes} bytes has other bytes now`);
      }
      this.moved.values++;
      this.moved.bytes += fetched.length;
      return fetched;
    });
    return fromBytes(found);
  }
}
