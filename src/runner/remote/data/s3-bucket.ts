/** A bucket of a store that speaks S3, by its two oldest requests. */
import { createHash } from "node:crypto";
import type { AwsClient } from "aws4fetch";
import { OrchestratorError } from "../../../model/error.js";
import type { Bucket } from "./open-store.js";
import type { S3DataOptions, S3Keys } from "./options.js";

const retries = 5;
const requestSeconds = 300;

export class S3Bucket implements Bucket {
  readonly #client: Promise<AwsClient>;
  readonly #folder: string;

  constructor(options: S3DataOptions, { accessKeyId, secretAccessKey, sessionToken }: S3Keys) {
    const { endpoint, bucket, keyPrefix = "orchestrator/", region = "us-east-1" } = options;
    const settings = {
      accessKeyId,
      secretAccessKey,
      region,
      service: "s3",
      retries,
      ...(sessionToken === undefined ? undefined : { sessionToken }),
    };
    this.#client = import("aws4fetch").then(({ AwsClient }) => new AwsClient(settings));
    this.#folder = `${endpoint.replace(/\/$/, "")}/${bucket}/${keyPrefix}`;
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    const head = await this.#send("HEAD", name);
    if (head.ok) return;
    const response = await this.#send("PUT", name, bytes);
    if (!response.ok) throw await failure("PUT", response);
    await response.body?.cancel();
  }

  async get(name: string): Promise<Buffer> {
    const response = await this.#send("GET", name);
    if (!response.ok) throw await failure("GET", response);
    return Buffer.from(await response.arrayBuffer());
  }

  async #send(method: string, name: string, body?: Buffer): Promise<Response> {
    // The digest is signed, so the store refuses bytes that were changed on their way.
    const digest = createHash("sha256")
      .update(body ?? "")
      .digest("hex");
    return (await this.#client).fetch(`${this.#folder}${name}`, {
      method,
      headers: { "x-amz-content-sha256": digest },
      signal: AbortSignal.timeout(requestSeconds * 1000),
      ...(body === undefined ? undefined : { body: new Uint8Array(body) }),
    });
  }
}

async function failure(method: string, response: Response): Promise<Error> {
  const text = (await response.text()).slice(0, 500);
  return new OrchestratorError("INTERNAL", `${method} ${response.url} was answered with ${response.status}: ${text}`);
}
