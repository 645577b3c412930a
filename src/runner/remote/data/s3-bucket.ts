/** A bucket of a store that speaks S3, by its two oldest requests. */
import { createHash } from "node:crypto";
import type { AwsClient } from "aws4fetch";
import { InvalidOptionError, OrchestratorError } from "../../../model/error.js";
import type { S3DataOptions } from "./options.js";
import type { Bucket } from "./store.js";

const retries = 5;
const requestSeconds = 300;

export class S3Bucket implements Bucket {
  readonly #client: Promise<AwsClient>;
  readonly #folder: string;

  constructor(options: S3DataOptions) {
    const { endpoint, bucket, keyPrefix = "orchestrator/", region = "us-east-1" } = options;
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
    const accessKeyId = options.accessKeyId ?? AWS_ACCESS_KEY_ID;
    const secretAccessKey = options.secretAccessKey ?? AWS_SECRET_ACCESS_KEY;
    const sessionToken = options.sessionToken ?? AWS_SESSION_TOKEN;
    if (accessKeyId === undefined || secretAccessKey === undefined) {
      const message = "takes accessKeyId and secretAccessKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set";
      throw new InvalidOptionError([{ where: "data", message }]);
    }
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
