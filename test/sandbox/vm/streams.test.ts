/**
 * The way out of a guest, with both of its real ends and the real proxy, and without a machine between: a machine adds
 * a line that is slow, and `conformance.test.ts` has that.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GuestStreams } from "#src/sandbox/backend/vm/network/guest-streams.js";
import { encodeFrame, FrameDecoder } from "#src/sandbox/line/frames.js";
import { present } from "../../support/require-component.js";
import { type Internet, startInternet } from "../network/fixture.js";

const folder = (path: string) => fileURLToPath(new URL(`../../../src/sandbox/backend/${path}`, import.meta.url));
const agentFolders = [folder("vm/guest"), folder("process/warm/server")];

describe.runIf(present("linux", "python", "openssl"))("streams of a guest", () => {
  let internet: Internet;
  let child: ChildProcess;
  let line: Duplex;
  let streams: GuestStreams;
  let port: number;
  let proxyPath: string;
  let denied: () => readonly string[];
  let refusal: unknown;

  beforeAll(async () => {
    internet = await startInternet();
  });
  afterAll(() => internet.close());

  beforeEach(async () => {
    const attachment = await internet.attach([`allowed.test:${internet.http}`]);
    denied = () => attachment.denials.map(({ host, reason }) => `${host} ${reason}`);
    const script = fileURLToPath(new URL("agent-streams.py", import.meta.url));
    child = spawn("/usr/bin/python3", ["-B", script, ...agentFolders], {
      stdio: ["ignore", "pipe", "inherit", "pipe"],
    });
    line = child.stdio[3] as Duplex;
    proxyPath = attachment.proxy.socketPath;
    streams = new GuestStreams({
      connect: () => connect({ path: proxyPath, allowHalfOpen: true }),
      send: (payload) => line.write(encodeFrame("W", payload)),
      mayRead: () => line.writableLength < 65_536,
    });
    const decoder = new FrameDecoder();
    refusal = undefined;
    line.on("data", (chunk: Buffer) => {
      try {
        for (const { payload } of decoder.push(chunk)) streams.hear(payload);
      } catch (error) {
        refusal ??= error;
      }
    });
    line.on("drain", () => streams.readOn());
    line.on("error", () => {});
    const [text] = await once(child.stdout!, "data");
    port = Number(text);
  });

  afterEach(async () => {
    streams.close();
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    expect(refusal).toBeUndefined();
  });

  async function ask(path: string, body?: Buffer): Promise<Buffer> {
    const url = `http://allowed.test:${internet.http}${path}`;
    const asked = request({ host: "127.0.0.1", port, path: url, method: body === undefined ? "GET" : "POST" });
    asked.setHeader("Host", new URL(url).host);
    asked.end(body);
    const [response] = await once(asked, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  async function open(): Promise<Socket> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** Both ends have heard the other's last word. */
  const untilOver = async () => {
    while (streams.size > 0) await new Promise((settle) => setTimeout(settle, 5));
  };

  test("carry requests and answers of any size, many at once", async () => {
    const body = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 7) & 0xff));
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, () => ask("/")),
      ask("/bytes/3000000"),
      ask("/echo", body),
    ]);
    expect(answers.slice(0, 20).map(String)).toEqual(Array(20).fill(`hello from allowed.test:${internet.http}`));
    expect(answers[20]!.equals(Buffer.alloc(3_000_000, 65))).toBe(true);
    expect(answers[21]!.equals(body)).toBe(true);
    await untilOver();
  });

  test("more connections than the proxy allows are denied by the proxy, and told so", async () => {
    const sockets = await Promise.all(Array.from({ length: 70 }, open));
    const last = await Promise.all(
      sockets.slice(64).map(async (socket) => {
        const chunks: Buffer[] = [];
        for await (const chunk of socket) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).toString("latin1").split(" ")[1];
      }),
    );
    expect(last).toEqual(Array(6).fill("429"));
    expect(denied()).toEqual([" limit"]);
    for (const socket of sockets) socket.destroy();
    await untilOver();
    expect(String(await ask("/"))).toContain("hello");
  });

  test("more than the agent carries wait for their turn", async () => {
    const sockets = await Promise.all(Array.from({ length: 120 }, open));
    for (const socket of sockets) socket.destroy();
    expect(String(await ask("/"))).toContain("hello");
    await untilOver();
  });

  test("an end is passed on in each direction by itself", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let heard = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        heard += text;
      });
      socket.once("end", () => socket.end(`after the end of ${heard}`));
    });
    proxyPath = join(mkdtempSync(join(tmpdir(), "streams-")), "socket");
    await once(server.listen(proxyPath), "listening");
    const socket = await open();
    socket.end("all");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe("after the end of all");
    await untilOver();
    server.close();
    rmSync(dirname(proxyPath), { recursive: true });
  });

  test("a client that does not read is waited for, and holds nobody else up", async () => {
    const socket = await open();
    socket.pause();
    const where = `allowed.test:${internet.http}`;
    socket.write(`GET http://${where}/bytes/20000000 HTTP/1.1\r\nHost: ${where}\r\nConnection: close\r\n\r\n`);
    for (let round = 0; round < 5; round++) expect(String(await ask("/"))).toContain("hello");
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    socket.resume();
    await once(socket, "end");
    expect(bytes).toBeGreaterThan(20_000_000);
    socket.destroy();
    await untilOver();
  });

  test("a client that goes away in the middle leaves nothing", async () => {
    for (let round = 0; round < 10; round++) {
      const socket = await open();
      const where = `allowed.test:${internet.http}`;
      socket.write(`GET http://${where}/bytes/5000000 HTTP/1.1\r\nHost: ${where}\r\n\r\n`);
      await once(socket, "data");
      if (round % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await untilOver();
    expect(String(await ask("/"))).toContain("hello");
  });

  test("the end of the sandbox ends what is open", async () => {
    const socket = await open();
    await ask("/");
    streams.close();
    expect(streams.size).toBe(0);
    socket.destroy();
  });
});
