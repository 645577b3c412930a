/**
 * The one way out of a sandbox that may reach some names: an HTTP proxy on a unix socket.
 *
 * The sandbox has an empty network namespace, so there is no route, no resolver and no address to be reached but its own loopback.
 * Inside, a relay (relay.ts) passes connections to 127.0.0.1 on to this socket, which is bound into the sandbox. Here, outside, each
 * request is checked against the list (policy.ts), for TLS by way of CONNECT (tunnel.ts) and for plain HTTP request by request
 * (forward.ts). Every sandbox has a proxy of its own: its counts, its denials, and its end are the sandbox's.
 */
import { once, setMaxListeners } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { NetworkDenial } from "../../model/sandbox.js";
import { DenialRecord, Denied } from "./denial.js";
import { dial } from "./dial.js";
import type { DomainRule } from "./domain-rule.js";
import { forward, targetOf } from "./forward.js";
import { readAuthority } from "./host-name.js";
import { Meter } from "./meter.js";
import { NetworkPolicy, type PolicyHooks } from "./policy.js";
import { join, readHello, refuseTunnel } from "./tunnel.js";

export interface EgressLimits {
  /** Connections at one time. Default 64. */
  readonly connections: number;
  /** Bytes in all, both ways. Default 256 MiB. */
  readonly bytes: number;
  /** Milliseconds until a connection opens, or a client speaks TLS. Default 10 s. */
  readonly openMs: number;
  /** Milliseconds for which nothing moves on a connection. Default 60 s. */
  readonly idleMs: number;
}

export const defaultEgressLimits: EgressLimits = {
  connections: 64,
  bytes: 256 * 2 ** 20,
  openMs: 10_000,
  idleMs: 60_000,
};

export interface EgressProxyOptions {
  readonly rules: readonly DomainRule[];
  /** Path of the unix socket to be made, at most 107 bytes, in a directory that exists. Anybody who sees the socket may connect. */
  readonly socketPath: string;
  readonly limits?: Partial<EgressLimits>;
  /** For tests alone: another resolver, and other addresses than public ones. */
  readonly hooks?: PolicyHooks;
}

/** A running proxy. */
export class EgressProxy {
  readonly socketPath: string;
  readonly #policy: NetworkPolicy;
  readonly #limits: EgressLimits;
  readonly #server: Server;
  readonly #denials = new DenialRecord();
  readonly #meter: Meter;
  readonly #closing = new AbortController();
  readonly #clients = new Set<Socket>();
  #forwarding = 0;

  /** Resolves when the socket takes connections. */
  static async start(options: EgressProxyOptions): Promise<EgressProxy> {
    const proxy = new EgressProxy(options);
    proxy.#server.listen({ path: options.socketPath, backlog: 128 });
    await once(proxy.#server, "listening");
    await chmod(options.socketPath, 0o666);
    return proxy;
  }

  private constructor({ rules, socketPath, limits, hooks }: EgressProxyOptions) {
    this.socketPath = socketPath;
    this.#policy = new NetworkPolicy(rules, hooks);
    this.#limits = { ...defaultEgressLimits, ...limits };
    setMaxListeners(0, this.#closing.signal);
    this.#meter = new Meter(this.#limits.bytes, () => this.#onTooManyBytes());
    this.#server = createServer({
      maxHeaderSize: 32_768,
      headersTimeout: this.#limits.idleMs,
      connectionsCheckingInterval: Math.min(30_000, Math.ceil(this.#limits.idleMs / 2)),
      requestTimeout: 0,
    });
    this.#server.on("connection", (client: Socket) => this.#onConnection(client));
    this.#server.on(
      "connect",
      (request: IncomingMessage, client: Duplex, head: Buffer) => void this.#tunnel(request, client, head),
    );
    this.#server.on(
      "request",
      (request: IncomingMessage, response: ServerResponse) => void this.#forward(request, response),
    );
    this.#server.on("clientError", (error: Error, client: Duplex) => this.#onUnreadable(error, client));
  }

  /** What was denied so far, equal ones counted. */
  get denials(): readonly NetworkDenial[] {
    return this.#denials.list();
  }

  /** Bytes that passed, both ways, without the headers of plain requests. */
  get bytes(): number {
    return this.#meter.bytes;
  }

  /** Ends every connection and removes the socket. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const client of this.#clients) client.destroy();
    if (this.#server.listening) {
      this.#server.close();
      this.#server.closeAllConnections();
    }
    await rm(this.socketPath, { force: true });
  }

  #onConnection(client: Socket): void {
    this.#clients.add(client);
    client.once("close", () => this.#clients.delete(client));
    client.on("error", () => client.destroy());
    client.setTimeout(this.#limits.idleMs, () => client.destroy());
    if (this.#clients.size > this.#limits.connections) this.#refuseAtOnce(client, this.#tooManyConnections());
    else if (this.#meter.isExceeded) this.#refuseAtOnce(client, this.#tooManyBytes());
  }

  #refuseAtOnce(client: Socket, denied: Denied): void {
    this.#denials.add(denied);
    client.end(statusLine(429, denied.message));
    client.destroySoon();
  }

  #onTooManyBytes(): void {
    this.#denials.add(this.#tooManyBytes());
    for (const client of this.#clients) client.destroy();
  }

  #tooManyBytes(): Denied {
    const message = `more than ${this.#limits.bytes} bytes over the network`;
    return new Denied({ host: "", port: 0 }, "limit", message);
  }

  /** What Node's parser refuses: the ways in which two readers could see two requests in the same bytes are among it. */
  #onUnreadable(error: Error & { code?: string }, client: Duplex): void {
    if (!client.writable || error.code?.startsWith("HPE_") !== true) {
      client.destroy();
      return;
    }
    const message = `a request could not be read (${error.code})`;
    this.#denials.add(new Denied({ host: "", port: 0 }, "malformed", message));
    client.end(statusLine(400, message));
    client.resume();
  }

  async #tunnel(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on("error", () => client.destroy());
    (client as Socket).setTimeout(this.#limits.idleMs, () => client.destroy());
    let speaksTls = false;
    let upstream: Socket | undefined;
    try {
      const target = readAuthority(request.url ?? "");
      if (target === undefined)
        throw new Denied({ host: request.url ?? "", port: 0 }, "malformed", "CONNECT takes name:port and nothing else");
      const name = this.#policy.admit(target);
      const destination = await this.#policy.locate(name, target.port);
      upstream = await dial(destination, this.#limits.openMs, this.#closing.signal);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      speaksTls = true;
      const first = await readHello(client, head, { ...target, name }, this.#limits.openMs);
      join(client, upstream, first, this.#meter);
    } catch (error) {
      upstream?.destroy();
      const { status, message } = this.#record(error);
      if (speaksTls) refuseTunnel(client);
      else client.end(`${statusLine(status, message)}`);
    }
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#forwarding++;
    try {
      // One connection can carry many requests at once, and each is a connection to somewhere.
      if (this.#forwarding > this.#limits.connections) throw this.#tooManyConnections();
      const target = targetOf(request);
      const name = this.#policy.admit(target);
      const destination = await this.#policy.locate(name, target.port);
      const options = { destination, path: target.path, meter: this.#meter, timeoutMs: this.#limits.idleMs };
      await forward(request, response, { ...options, signal: this.#closing.signal });
    } catch (error) {
      const { status, message } = this.#record(error);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      // What is left of the body is not read, so the connection cannot be used again.
      response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
      response.end(`${message}\n`);
    } finally {
      this.#forwarding--;
    }
  }

  #tooManyConnections(): Denied {
    const message = `more than ${this.#limits.connections} connections at one time`;
    return new Denied({ host: "", port: 0 }, "limit", message);
  }

  /** Records a denial; says how either a denial or a failure is answered. */
  #record(error: unknown): { status: number; message: string } {
    if (!(error instanceof Denied)) return { status: 502, message: `sandbox network: ${(error as Error).message}` };
    this.#denials.add(error);
    return { status: error.reason === "limit" ? 429 : 403, message: `sandbox network: denied: ${error.message}` };
  }
}

/** A whole answer. The reason goes into the status line too, for that is what clients show of a refused CONNECT. */
function statusLine(status: number, message: string): string {
  const text = message.replace(/[^ -~]/g, "?");
  const headers = `Content-Type: text/plain\r\nContent-Length: ${text.length + 1}\r\nConnection: close`;
  return `HTTP/1.1 ${status} ${text}\r\n${headers}\r\n\r\n${text}\n`;
}
