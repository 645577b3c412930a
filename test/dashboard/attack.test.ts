/** Whoever can reach the port but has no token: what it sends must neither end the program, nor fill its memory, nor keep others out for long. */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Run } from "#src/executor/run.js";

let executor: ParallelExecutor;
let dashboard: Dashboard;
let run: Run;
let token: string;

beforeAll(async () => {
  executor = new ParallelExecutor();
  dashboard = await startDashboard({ executor });
  token = new URLSearchParams(new URL(dashboard.url).hash.slice(1)).get("token")!;
  const untilAborted = (_inputs: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  run = executor.run([{ id: "hold", run: untilAborted }], { runId: "r" });
});
afterAll(async () => {
  await dashboard.close();
  await executor.close();
});

/** A connection with all that it received, until either side ended it. */
class Stranger {
  readonly socket: Socket;
  received = "";

  constructor() {
    this.socket = connect(dashboard.port, "127.0.0.1");
    this.socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
    });
    // Being cut off is what some of them are there for.
    this.socket.on("error", () => undefined);
  }

  get closed(): Promise<void> {
    return this.#next("close");
  }

  get drained(): Promise<void> {
    return this.#next("drain");
  }

  /** As `once` of `node:events` does, but an error ends nothing. */
  #next(event: "close" | "drain"): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.closed) resolve();
      else this.socket.once(event, () => resolve());
    });
  }

  /** Sends a request as it stands; gives the status of the answer. */
  async ask(line: string, ...headers: string[]): Promise<number> {
    const all = [line, `Host: 127.0.0.1:${dashboard.port}`, "Connection: close", ...headers];
    this.socket.write(`${all.join("\r\n")}\r\n\r\n`, "latin1");
    await this.closed;
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.received)?.[1]);
  }
}

const bearer = () => `Authorization: Bearer ${token}`;
const json = "Content-Type: application/json";

async function expectAnswers(): Promise<void> {
  expect(await new Stranger().ask("GET /api/runs HTTP/1.1", bearer())).toBe(200);
  expect(run.result("hold")).toBeUndefined();
}

test.each([
  ["an address that cannot be parsed", "GET //[ HTTP/1.1", 404],
  ["another server's address", "GET http://attacker.example/api/runs HTTP/1.1", 404],
  ["a path that looks like one", "GET //attacker.example/api/runs HTTP/1.1", 404],
  ["no path", "OPTIONS * HTTP/1.1", 404],
  ["an escape that is none", "GET /api/runs/%E0%A4%A HTTP/1.1", 400],
  ["a name of every object", "GET /api/runs/__proto__ HTTP/1.1", 404],
  ["a way out of the folder", "GET /assets/..%2f..%2fserver%2fserver.js HTTP/1.1", 404],
  ["a method that changes nothing here", "DELETE /api/runs/r HTTP/1.1", 405],
])("%s is answered, and the program goes on", async (_what, line, status) => {
  expect(await new Stranger().ask(line, bearer())).toBe(status);
  await expectAnswers();
});

test.each([
  ["the token in its address", `POST /api/runs/r/cancel?token=TOKEN HTTP/1.1`, ""],
  ["the token as a cookie", "POST /api/runs/r/cancel HTTP/1.1", "Cookie: token=TOKEN"],
  ["a token of another length", "POST /api/runs/r/cancel HTTP/1.1", "Authorization: Bearer x"],
  ["two lengths of one body", "POST /api/runs/r/cancel HTTP/1.1", "Transfer-Encoding: chunked"],
])("a change with %s is refused", async (_what, line, header) => {
  const headers = [json, "Content-Length: 2", header.replace("TOKEN", token)].filter((text) => text !== "");
  const status = await new Stranger().ask(line.replace("TOKEN", token), ...headers);
  expect([400, 401]).toContain(status);
  await expectAnswers();
});

test.each([
  ["of a stranger", () => [json]],
  ["with the token", () => [json, bearer()]],
])(
  "a body of 100 MB %s is cut off, and not read to its end",
  async (_who, headers) => {
    const stranger = new Stranger();
    const size = 100_000_000;
    const answered = stranger.ask("POST /api/runs/r/cancel HTTP/1.1", `Content-Length: ${size}`, ...headers());
    const piece = Buffer.alloc(1 << 20, 97);
    for (let sent = 0; sent < size && !stranger.socket.destroyed; sent += piece.length)
      if (!stranger.socket.write(piece)) await Promise.race([stranger.drained, stranger.closed]);
    expect([400, 401]).toContain(await answered);
    expect(stranger.socket.bytesWritten).toBeLessThan(size);
    await expectAnswers();
  },
  60_000,
);

test("headers without end are refused", async () => {
  expect(await new Stranger().ask("GET / HTTP/1.1", `X-Long: ${"x".repeat(1_000_000)}`)).toBe(431);
  await expectAnswers();
});

test("as many pages look as it has room for, and no more", async () => {
  const open = Array.from({ length: 70 }, () => new Stranger());
  const asked = [`GET /api/events?run=r HTTP/1.1`, `Host: 127.0.0.1:${dashboard.port}`, bearer()].join("\r\n");
  for (const { socket } of open) socket.write(`${asked}\r\n\r\n`);
  const withStatus = (status: number) => open.filter(({ received }) => received.startsWith(`HTTP/1.1 ${status}`));
  await expect.poll(() => [withStatus(200).length, withStatus(503).length]).toEqual([64, 6]);
  for (const { socket } of open) socket.destroy();
  await Promise.all(open.map(({ closed }) => closed));
  await expectAnswers();
}, 120_000);

test("who opens connections and sends nothing, or a little at a time, is sent away", async () => {
  const open = Array.from({ length: 600 }, () => new Stranger());
  // What is beyond the bound is closed at once.
  await expect.poll(() => open.filter(({ socket }) => socket.closed).length).toBeGreaterThanOrEqual(80);
  const left = open.filter(({ socket }) => !socket.closed);
  for (const { socket } of left.slice(100)) socket.write("GET / HTTP/1.1\r\nX-Slow: ");
  const drip = setInterval(() => {
    for (const { socket } of left.slice(100)) if (socket.writable) socket.write("x");
  }, 500);
  await Promise.all(left.map(({ closed }) => closed));
  clearInterval(drip);
  await expectAnswers();
}, 180_000);
