/**
 * One plain HTTP request: `GET http://name/path` with a Host header that says the same.
 *
 * Every request of a kept-alive connection comes here by itself, so a second one cannot ride on the first one's permission. The request is
 * written anew from what Node's strict parser read, and goes to a checked address on a connection of its own.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { Denied } from "./denial.js";
import { type Authority, readAuthority } from "./host-name.js";
import type { Meter } from "./meter.js";
import type { Destination } from "./policy.js";

/** Headers that are between a client and its proxy only (RFC 9110 sections 7.6.1 and 10.1.1). */
const hopByHop = new Set([
  "connection",
  // Answered by the server that the request came to.
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

/** Where a request in absolute form goes. Throws `Denied` unless its URI and its Host header agree. */
export function targetOf(request: IncomingMessage): Authority & { readonly path: string } {
  const uri = request.url ?? "";
  const match = /^http:\/\/([^/?#]*)(\/[^#]*|\?[^#]*)?$/i.exec(uri);
  const target = match === null ? undefined : readAuthority(match[1]!, 80);
  if (match === null || target === undefined) throw malformed(request, describeBadUri(uri));
  const hosts = request.rawHeaders.filter(
    (_, index, all) => index % 2 === 1 && all[index - 1]!.toLowerCase() === "host",
  );
  const host = hosts.length === 1 ? readAuthority(hosts[0]!, 80) : undefined;
  if (host === undefined) throw malformed(request, "takes one Host header");
  if (spelling(host) !== spelling(target))
    throw new Denied(target, "name-mismatch", `the request is for ${match[1]} and its Host header says "${hosts[0]}"`);
  const path = match[2] ?? "/";
  return { ...target, path: path.startsWith("/") ? path : `/${path}` };
}

function describeBadUri(uri: string): string {
  if (/^https:/i.test(uri)) return "https goes through CONNECT";
  if (/^[a-z]+:\/\/[^/?#]*@/i.test(uri)) return "takes no user name before the host";
  if (/^[a-z]+:\/\//i.test(uri)) return "the URI is no http URI with a host";
  return "a proxy takes the whole URI, as in GET http://name/path";
}

function malformed(request: IncomingMessage, message: string): Denied {
  const host = /^[a-z]+:\/\/([^/?#]*)/i.exec(request.url ?? "")?.[1] ?? request.headers.host ?? "";
  return new Denied({ host, port: 0 }, "malformed", `the request cannot be let through: ${message}`);
}

function spelling({ host, port }: Authority): string {
  return `${host.toLowerCase().replace(/\.$/, "")}:${port}`;
}

export interface Forwarding {
  readonly destination: Destination;
  readonly path: string;
  readonly meter: Meter;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Sends the request on and its answer back. Rejects where there is no answer; nothing has been answered to the client then. */
export async function forward(request: IncomingMessage, response: ServerResponse, options: Forwarding): Promise<void> {
  let last: unknown;
  for (const address of options.destination.addresses) {
    try {
      const upstream = await open(address, request, options);
      await exchange(request, response, upstream, options.meter);
      return;
    } catch (error) {
      last = error;
      // Once bytes of the body are on their way, the request cannot be sent a second time.
      if (request.readableDidRead || response.headersSent) break;
    }
  }
  throw last;
}

/** Connects, and has sent nothing when it resolves. */
function open(address: string, request: IncomingMessage, options: Forwarding): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const upstream = httpRequest({
      host: address,
      port: options.destination.port,
      method: request.method,
      path: options.path,
      headers: [...endToEnd(request.rawHeaders), "Connection", "close"],
      setHost: false,
      agent: false,
      signal: options.signal,
      timeout: options.timeoutMs,
    });
    upstream.once("error", reject);
    upstream.once("timeout", () => upstream.destroy(new Error(`no answer in ${options.timeoutMs / 1000} s`)));
    upstream.once("socket", (socket) => socket.once("connect", () => resolve(upstream)));
  });
}

function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: ClientRequest,
  meter: Meter,
): Promise<void> {
  return new Promise((resolve, reject) => {
    upstream.on("error", reject);
    upstream.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(new Error("the server changed the protocol without being asked"));
    });
    upstream.once("response", (answer: IncomingMessage) => {
      try {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      } catch (error) {
        // What one parser lets through, the writer may still refuse.
        upstream.destroy();
        reject(error);
        return;
      }
      pipeline(answer, meter.stream(), response, (error) => (error ? reject(error) : resolve()));
    });
    pipeline(request, meter.stream(), upstream, (error) => {
      if (error) reject(error);
    });
  });
}

/** Raw headers, names and values in turn, without those for the next hop only and those that Connection names. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  const named = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.toLowerCase() !== "connection") continue;
    for (const name of rawHeaders[index + 1]!.split(",")) named.add(name.trim().toLowerCase());
  }
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const isFraming = name === "host" || name === "content-length" || name === "transfer-encoding";
    if (!hopByHop.has(name) && (isFraming || !named.has(name))) kept.push(rawHeaders[index]!, rawHeaders[index + 1]!);
  }
  return kept;
}
