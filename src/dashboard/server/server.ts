/** The HTTP server of the dashboard: the page, the columns and details of runs, their events, and three things to do. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { asError } from "../../model/error.js";
import type { RunCollection } from "../dashboard.js";
import { type AccessRules, refuseChange, refuseForeign, refuseWithoutToken } from "./access.js";
import { EventStream, resumeFrom } from "./event-stream.js";
import { RunFeed } from "./feed.js";
import { type PageFile, readPageFiles } from "./page-files.js";
import type { RunEntry } from "./run-entry.js";

const tickMs = 200;
/** Tasks described in one answer. */
const mostColumns = 50_000;
const mostBody = 4096;
/** What strangers can hold open is bounded: connections, and the time to send a request. A page needs two connections. */
const mostConnections = 512;
const mostStreams = 64;
const requestTimeoutMs = 10_000;
/** For an answer to arrive before a connection with an unread body is cut. */
const lingerMs = 500;

const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly token: string;
  /** Names, besides the address itself, under which browsers reach it. */
  readonly allowedHosts: readonly string[];
}

export class DashboardServer {
  readonly #runs: RunCollection;
  readonly #files: ReadonlyMap<string, PageFile> = readPageFiles();
  readonly #server: Server;
  readonly #streams = new Set<EventStream>();
  /** A page that comes back after a restart of this server knows by it that its numbers mean nothing. */
  readonly #epoch = Math.random().toString(36).slice(2, 10);
  #rules: AccessRules;
  #timer: NodeJS.Timeout | undefined;

  constructor(runs: RunCollection, token: string) {
    this.#runs = runs;
    this.#rules = { token, hosts: new Set() };
    const limits = {
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: requestTimeoutMs / 4,
    };
    this.#server = createServer(limits, (request, response) => {
      try {
        this.#answer(request, response);
      } catch (error) {
        // Whatever a request makes go wrong must not end the program whose runs are shown.
        if (!response.headersSent) refuse(request, response, { status: 400, message: asError(error).message });
      }
    });
    this.#server.maxConnections = mostConnections;
    this.#server.unref();
  }

  /** @throws Error of `node:net` where the address is taken. */
  async listen(options: HttpServerOptions): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(options.port, options.host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    const names = ["localhost", "127.0.0.1", "[::1]", bracketed(options.host), ...options.allowedHosts];
    const hosts = names.map((name) => (/:\d+$/.test(name) ? name : `${name}:${address.port}`).toLowerCase());
    this.#rules = { token: options.token, hosts: new Set(hosts) };
    return address;
  }

  /** Keeps the process alive for as long as the server is open, or does not. */
  set keepAlive(wanted: boolean) {
    if (wanted) this.#server.ref();
    else this.#server.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tick();
    for (const stream of this.#streams) stream.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    setImmediate(() => this.#server.closeAllConnections());
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    const foreign = refuseForeign(request, this.#rules);
    if (foreign !== undefined) return refuse(request, response, foreign);
    const target = targetOf(request);
    if (!target.path.startsWith("/api/")) return this.#sendFile(request, response, target.path);
    const stranger = refuseWithoutToken(request, this.#rules);
    if (stranger !== undefined) return refuse(request, response, stranger);
    this.#api(request, response, target).catch((error: unknown) => {
      if (!response.headersSent) refuse(request, response, { status: 400, message: asError(error).message });
    });
  }

  #sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { method } = request;
    const file = this.#files.get(path);
    if (file === undefined) return refuse(request, response, nothingHere);
    if (method !== "GET" && method !== "HEAD") return refuse(request, response, { status: 405, message: "takes GET" });
    response.setHeader("content-type", file.type);
    response.setHeader("cache-control", file.lasting ? "public, max-age=31536000, immutable" : "no-cache");
    response.end(method === "HEAD" ? undefined : file.body);
  }

  async #api(request: IncomingMessage, response: ServerResponse, { path, query }: Target): Promise<void> {
    const [, , resource, id, part, number, verb] = path.split("/").map(decodeURIComponent);
    const action = verb ?? part;
    if (request.method !== "GET" && action !== "cancel" && action !== "retry")
      return refuse(request, response, { status: 405, message: "takes GET" });
    if (resource === "events") return this.#openStream(request, response, query.get("run"));
    if (resource !== "runs") return refuse(request, response, nothingHere);
    if (id === undefined) return sendJson(response, 200, this.#runs.list());
    const entry = this.#runs.get(id);
    if (entry === undefined) return refuse(request, response, unknownRun);
    if (part === "columns") {
      const from = Number(query.get("from") ?? 0);
      return sendJson(response, 200, entry.columns(Math.max(0, Math.floor(from) || 0), mostColumns));
    }
    const task = part === "tasks" ? taskOf(entry, number) : undefined;
    if (part === "tasks" && task === undefined)
      return refuse(request, response, { status: 404, message: "that task is not in this run" });
    if (task !== undefined && verb === undefined) return sendJson(response, 200, entry.detail(task));
    return this.#change(request, response, entry, { action: action ?? "", task });
  }

  async #change(
    request: IncomingMessage,
    response: ServerResponse,
    entry: RunEntry,
    { action, task }: { readonly action: string; readonly task: number | undefined },
  ): Promise<void> {
    if (action !== "cancel" && action !== "retry") return refuse(request, response, nothingHere);
    const refused = refuseChange(request);
    if (refused !== undefined) return refuse(request, response, refused);
    await drain(request);
    const { control, model } = entry;
    const taskId = task === undefined ? undefined : model.tasks.ids[task]!;
    if (control === undefined)
      return sendJson(response, 409, { message: "this run was recorded: it cannot be changed" });
    if (action === "retry") {
      if (control.retry === undefined)
        return sendJson(response, 409, { message: "the executor of this run is not known here" });
      return sendJson(response, 200, { runId: control.retry(taskId) });
    }
    if (taskId === undefined) control.cancel("cancelled from the dashboard");
    else control.cancelTask(taskId);
    sendJson(response, 200, {});
  }

  #openStream(request: IncomingMessage, response: ServerResponse, runId: string | null): void {
    const entry = runId === null ? undefined : this.#runs.get(runId);
    if (runId !== null && entry === undefined) return refuse(request, response, unknownRun);
    if (this.#streams.size >= mostStreams)
      return refuse(request, response, { status: 503, message: `${mostStreams} pages are looking already` });
    const resume = request.headers["last-event-id"];
    const seen = resumeFrom(typeof resume === "string" ? resume : undefined, this.#epoch);
    const feed = entry === undefined ? undefined : new RunFeed(entry, seen);
    const stream = new EventStream(response, feed, this.#epoch);
    this.#streams.add(stream);
    response.on("close", () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#stopTicking();
    });
    void stream.tick(Date.now(), this.#runs);
    this.#timer ??= setInterval(() => void this.#tick(), tickMs).unref();
  }

  #stopTicking(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    const now = Date.now();
    for (const { model } of this.#runs.live()) if (model.startedAt > 0) model.series.advance(now - model.startedAt);
    await Promise.all([...this.#streams].map((stream) => stream.tick(now, this.#runs)));
  }
}

const nothingHere = { status: 404, message: "there is nothing here" };
const unknownRun = { status: 404, message: "that run is not known here" };

interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What a request asks for: its path as it stands, which is no address to be resolved. */
function targetOf({ url = "/" }: IncomingMessage): Target {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  return { path, query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)) };
}

/** Answers why not, and takes nothing more from whoever asked: a body that may follow is not read. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: { readonly status: number; readonly message: string },
): void {
  const hasBody = request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  if (hasBody && !request.complete) {
    response.setHeader("connection", "close");
    response.on("finish", () => setTimeout(() => request.destroy(), lingerMs).unref());
  }
  sendJson(response, status, { message });
}

function taskOf({ model }: RunEntry, text: string | undefined): number | undefined {
  const task = Number(text);
  return text !== undefined && /^\d+$/.test(text) && task < model.tasks.size ? task : undefined;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(value));
}

/** Reads a body that says nothing. @throws Error where there is more than that. */
async function drain(request: IncomingMessage): Promise<void> {
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > mostBody) throw new Error("the request is too large");
  }
}
