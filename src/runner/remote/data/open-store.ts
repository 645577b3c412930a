/** What is behind a `DataStore`: the bucket, and the copies of this machine. */
import { createHash } from "node:crypto";
import { OrchestratorError } from "../../../model/error.js";
import { fromBytes } from "../value-codec.js";
import { FileBucket } from "./file-bucket.js";
import { LocalCopies } from "./local-copies.js";
import type { CheckedDataOptions } from "./options.js";
import type { DataReference } from "./reference.js";
import { S3Bucket } from "./s3-bucket.js";

/** Named bytes that every machine can reach. */
export interface Bucket {
  /** Idempotent: the name says what the bytes are. */
  put(name: string, bytes: Buffer): Promise<void>;
  get(name: string): Promise<Buffer>;
}

export class OpenStore {
  readonly #bucket: Bucket;
  readonly #copies: LocalCopies;
  readonly #putting = new Map<string, Promise<void>>();
  readonly #moved: { values: number; bytes: number };

  /** @param moved where is counted what comes from the bucket */
  constructor({ options, s3Keys, cacheLimitBytes }: CheckedDataOptions, moved: { values: number; bytes: number }) {
    this.#bucket = options.kind === "file" ? new FileBucket(options.folder) : new S3Bucket(options, s3Keys!);
    this.#copies = new LocalCopies(options.cacheFolder, cacheLimitBytes);
    this.#moved = moved;
  }

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

  async load({ sha256, bytes }: DataReference): Promise<unknown> {
    const found = await this.#copies.get(sha256, async () => {
      const fetched = await this.#bucket.get(sha256);
      const digest = createHash("sha256").update(fetched).digest("hex");
      if (digest !== sha256) {
        throw new OrchestratorError("INTERNAL", `the store's value ${sha256} of ${bytes} bytes has other bytes now`);
      }
      this.#moved.values++;
      this.#moved.bytes += fetched.length;
      return fetched;
    });
    return fromBytes(found);
  }
}
