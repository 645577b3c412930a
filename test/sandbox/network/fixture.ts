/** Real servers on this machine's loopback that stand for the internet, and a proxy that takes them for public. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { isPublicAddress } from "#src/sandbox/network/address.js";
import {
  attachNetwork,
  type NetworkAttachment,
  type NetworkAttachmentOptions,
} from "#src/sandbox/network/attachment.js";

export interface Internet {
  readonly http: number;
  readonly https: number;
  /** Every request that arrived, as `Host method path`, and every connection as `connection`. */
  readonly seen: string[];
  /** Certificate of the servers, for clients to trust. */
  readonly certificate: string;
  readonly certificatePath: string;
  /** What the next names resolve to; 127.0.0.1 where it says nothing. */
  readonly names: Map<string, readonly string[]>;
  /** Names that were asked for. */
  readonly asked: string[];
  attach(domains: readonly string[], limits?: NetworkAttachmentOptions["limits"]): Promise<NetworkAttachment>;
  close(): Promise<void>;
}

export async function startInternet(): Promise<Internet> {
  const directory = mkdtempSync(join(tmpdir(), "internet-"));
  const certificatePath = join(directory, "cert.pem");
  const keyPath = join(directory, "key.pem");
  const names = "subjectAltName=DNS:allowed.test,DNS:other.test,DNS:*.wild.test";
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync(
    "openssl",
    [...args, "-subj", "/CN=test", "-addext", names, "-keyout", keyPath, "-out", certificatePath],
    {
      stdio: "ignore",
    },
  );
  const seen: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    seen.push(`${request.headers.host} ${request.method} ${request.url}`);
    if (request.url === "/redirect") response.writeHead(302, { Location: "http://denied.test/" }).end();
    else if (request.url?.startsWith("/bytes/")) response.end(Buffer.alloc(Number(request.url.slice(7)), 65));
    else if (request.url === "/headers") response.end(JSON.stringify(request.rawHeaders));
    else if (request.method === "POST") request.pipe(response);
    else response.end(`hello from ${request.headers.host}`);
  };
  const key = readFileSync(keyPath);
  const certificate = readFileSync(certificatePath, "utf8");
  const servers: Server[] = [createServer(answer), createSecureServer({ key, cert: certificate }, answer)];
  for (const server of servers) {
    server.on("connection", () => seen.push("connection"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const [http, https] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  const resolved = new Map<string, readonly string[]>();
  const asked: string[] = [];
  const attachments: NetworkAttachment[] = [];
  return {
    http,
    https,
    seen,
    certificate,
    certificatePath,
    names: resolved,
    asked,
    async attach(domains, limits = {}) {
      const attachment = await attachNetwork(domains, {
        limits,
        hooks: {
          resolve: async (name) => {
            asked.push(name);
            return resolved.get(name) ?? ["127.0.0.1"];
          },
          isAllowedAddress: (address) => address === "127.0.0.1" || isPublicAddress(address),
        },
      });
      attachments.push(attachment);
      return attachment;
    },
    async close() {
      await Promise.all(attachments.map((attachment) => attachment.close()));
      for (const server of servers) {
        server.close();
        (server as ReturnType<typeof createServer>).closeAllConnections();
      }
      rmSync(directory, { recursive: true });
    },
  };
}

/** Everything that the proxy says on one connection on which `text` is sent, until it closes the connection. */
export async function say(attachment: NetworkAttachment, text: string | Uint8Array): Promise<string> {
  const socket = await open(attachment);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.write(text);
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

export async function open(attachment: NetworkAttachment): Promise<Socket> {
  const socket = connect(attachment.proxy.socketPath);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** A CONNECT tunnel, after its status line. */
export async function tunnel(
  attachment: NetworkAttachment,
  target: string,
): Promise<{ status: string; socket: Socket }> {
  const socket = await open(attachment);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const [bytes] = await once(socket, "data");
  return { status: String(bytes).split("\r\n")[0]!, socket };
}

/** TLS in a tunnel; rejects with what the client says where there is none. */
export async function secure(internet: Internet, socket: Socket, servername: string | undefined): Promise<TLSSocket> {
  const options = servername === undefined ? { checkServerIdentity: () => undefined } : { servername };
  const client = connectTls({ socket, ca: internet.certificate, ...options });
  await new Promise<void>((resolve, reject) => {
    client.once("secureConnect", resolve);
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed before TLS was there")));
  });
  return client;
}
