/**
 * The two requests of S3 that the store makes, over HTTP, with every signature verified: the signature is made anew, from
 * the request as it arrived, by the published steps of AWS Signature Version 4 and not by the client's code. Debian and npm
 * have no maintained server that speaks S3 and can be started without root and a network.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

export interface S3Server {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly folder: string;
  /** Puts the bytes of one object under the name of another. */
  copy(from: string, to: string): void;
  stop(): Promise<void>;
}

export async function startS3(bucket = "values"): Promise<S3Server> {
  const credentials = { accessKeyId: "AKIDTEST", secretAccessKey: "test/secret+key" };
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-s3-"));
  const objects = new Map<string, Buffer>();
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const answer = (status: number, content: Buffer | string = ""): void => {
      response.writeHead(status).end(request.method === "HEAD" ? "" : content);
    };
    if (!isSigned(request, body, credentials)) return answer(403, "<Code>SignatureDoesNotMatch</Code>");
    const path = decodeURIComponent(request.url!.slice(1));
    if (!path.startsWith(`${bucket}/`)) return answer(404, "<Code>NoSuchBucket</Code>");
    const name = path.slice(bucket.length + 1);
    if (request.method === "PUT") {
      objects.set(name, body);
      return answer(200);
    }
    const found = objects.get(name);
    return found === undefined ? answer(404, "<Code>NoSuchKey</Code>") : answer(200, found);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    ...credentials,
    folder,
    copy: (from, to) => void objects.set(to, objects.get(from)!),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

function isSigned(request: IncomingMessage, body: Buffer, { accessKeyId, secretAccessKey }: Credentials): boolean {
  const form = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const match = form.exec(request.headers.authorization ?? "");
  if (match === null || match[1] !== accessKeyId) return false;
  const [, , scope, names, signature] = match as unknown as [string, string, string, string, string];
  const digest = String(request.headers["x-amz-content-sha256"]);
  if (digest !== createHash("sha256").update(body).digest("hex")) return false;
  const headers = names.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [request.method, request.url, "", headers.join(""), names, digest].join("\n");
  const hashed = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashed].join("\n");
  const key = scope
    .split("/")
    .reduce<Buffer>((before, part) => hmac(before, part), Buffer.from(`AWS4${secretAccessKey}`));
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature, "hex"));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
