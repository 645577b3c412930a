import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Internet, open, say, secure, startInternet, tunnel } from "./fixture.js";
import { extension, message, record, serverName } from "./hello.js";

let internet: Internet;
beforeEach(async () => {
  internet = await startInternet();
});
afterEach(() => internet.close());

const get = (uri: string, host: string, more = "") =>
  `GET ${uri} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
const reasons = (attachment: { denials: readonly { reason: string }[] }) =>
  attachment.denials.map(({ reason }) => reason);

describe("plain HTTP (S16)", () => {
  test("reaches an allowed name, in any of its spellings", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    for (const host of ["allowed.test", "ALLOWED.test", "allowed.test."]) {
      const answer = await say(attachment, get(`http://${host}:${http}/x?y=1`, `${host}:${http}`));
      expect(answer).toContain("200 OK");
      expect(answer).toContain("hello from");
    }
    expect(internet.seen.filter((line) => line.endsWith("GET /x?y=1"))).toHaveLength(3);
    expect(attachment.denials).toEqual([]);
    expect(attachment.proxy.bytes).toBeGreaterThan(0);
  });

  test("denies another name, another port, and what does not agree, and nothing leaves", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    const allowed = `allowed.test:${http}`;
    const denied: [string, string][] = [
      [get(`http://other.test:${http}/`, allowed), "name-mismatch"],
      [get(`http://${allowed}/`, `other.test:${http}`), "name-mismatch"],
      [get(`http://${allowed}/`, "allowed.test"), "name-mismatch"],
      [get(`http://other.test:${http}/`, `other.test:${http}`), "not-allowed"],
      [get("http://allowed.test/", "allowed.test"), "port-not-allowed"],
      [get(`http://user@${allowed}/`, allowed), "malformed"],
      [get(`http://${allowed}@evil.test/`, allowed), "malformed"],
      [get(`http://evil.test#.${allowed}/`, allowed), "malformed"],
      [get(`http://evil.test\\.${allowed}/`, allowed), "malformed"],
      [get("/", allowed), "malformed"],
      [get(`https://${allowed}/`, allowed), "malformed"],
      [get(`ftp://${allowed}/`, allowed), "malformed"],
      [get(`http://${allowed}/`, allowed, `Host: other.test:${http}\r\n`), "malformed"],
      [get(`http://0x7f.1:${http}/`, `0x7f.1:${http}`), "address"],
      [get(`http://2130706433:${http}/`, `2130706433:${http}`), "address"],
      [get(`http://[::ffff:127.0.0.1]:${http}/`, `[::ffff:127.0.0.1]:${http}`), "address"],
      [get(`http://127.0.0.1:${http}/`, `127.0.0.1:${http}`), "address"],
    ];
    for (const [request, reason] of denied) {
      const before = attachment.denials.reduce((sum, { count }) => sum + count, 0);
      const answer = await say(attachment, request);
      expect(answer, request).toMatch(/403 Forbidden[\s\S]*sandbox network: denied: |400 a request could not be read/);
      expect(reasons(attachment), request).toContain(reason);
      expect(attachment.denials.reduce((sum, { count }) => sum + count, 0)).toBe(before + 1);
    }
    expect(internet.seen).toEqual([]);
    expect(internet.asked).toEqual([]);
  });

  test("checks every request of a kept connection", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    const first = get(`http://allowed.test:${http}/one`, `allowed.test:${http}`).replace("close", "keep-alive");
    const answer = await say(attachment, first + get(`http://other.test:${http}/two`, `other.test:${http}`));
    expect(answer).toContain("hello from allowed.test");
    expect(answer).toContain("403 Forbidden");
    expect(internet.seen.filter((line) => line !== "connection")).toEqual([`allowed.test:${http} GET /one`]);
  });

  test("refuses what could be read in two ways (request smuggling)", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    const head = `POST http://allowed.test:${http}/ HTTP/1.1\r\nHost: allowed.test:${http}\r\n`;
    const smuggled = `0\r\n\r\n${get(`http://other.test:${http}/`, "x")}`;
    await say(attachment, `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`);
    await say(attachment, `${head}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`);
    await say(attachment, `${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345`);
    expect(internet.seen.filter((line) => line !== "connection")).toEqual([]);
    expect(attachment.denials).toMatchObject([{ reason: "malformed", count: 3 }]);
  });

  test("passes bodies and headers on, but none for the proxy itself", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    const where = `allowed.test:${http}`;
    const body = "x".repeat(100_000);
    const post = `POST http://${where}/ HTTP/1.1\r\nHost: ${where}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
    expect((await say(attachment, post)).split("x").length).toBe(body.length + 1);
    const more =
      "Proxy-Authorization: Basic c2VjcmV0\r\nX-Kept: yes\r\nX-Hop: no\r\nConnection: X-Hop\r\nUpgrade: h2c\r\n";
    const answer = await say(attachment, get(`http://${where}/headers`, where, more));
    expect(answer).toContain("X-Kept");
    expect(answer).not.toMatch(/Proxy-Authorization|X-Hop|h2c/);
  });

  test("gives a redirect back, and denies the way there", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    expect(await say(attachment, get(`http://allowed.test:${http}/redirect`, `allowed.test:${http}`))).toContain(
      "302 Found",
    );
    expect(await say(attachment, get("http://denied.test/", "denied.test"))).toContain("403 Forbidden");
    expect(internet.asked).toEqual(["allowed.test"]);
  });
});

describe("CONNECT (S17)", () => {
  test("carries TLS to an allowed name", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`, `*.wild.test:${https}`]);
    for (const name of ["allowed.test", "a.wild.test"]) {
      const { status, socket } = await tunnel(attachment, `${name}:${https}`);
      expect(status).toBe("HTTP/1.1 200 Connection established");
      const client = await secure(internet, socket, name);
      client.write(get("/", `${name}:${https}`));
      expect(await text(client)).toContain(`hello from ${name}:${https}`);
    }
    expect(attachment.denials).toEqual([]);
  });

  test("denies another name, another port, addresses and nonsense, with the reason in the status line", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`]);
    const denied: [string, string, RegExp][] = [
      [`other.test:${https}`, "not-allowed", /other.test:\d+ is not in allowedDomains; allowed: allowed.test:\d+/],
      ["allowed.test:22", "port-not-allowed", /allowed.test:22 is not in allowedDomains, only allowed.test:\d+/],
      [`127.0.0.1:${https}`, "address", /is an address/],
      [`[::1]:${https}`, "address", /is an address/],
      [`notallowed.test:${https}`, "not-allowed", /notallowed.test/],
      [`user@allowed.test:${https}`, "malformed", /CONNECT takes name:port/],
      ["allowed.test", "malformed", /CONNECT takes name:port/],
    ];
    for (const [target, reason, message] of denied) {
      const { status } = await tunnel(attachment, target);
      expect(status).toMatch(/^HTTP\/1.1 403 /);
      expect(status, target).toMatch(message);
      expect(reasons(attachment)).toContain(reason);
    }
    expect(internet.seen).toEqual([]);
    expect(internet.asked).toEqual([]);
  });

  test("denies TLS that names another server, or none", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`]);
    for (const name of ["other.test", undefined, "allowed.test.evil.test"]) {
      const { socket } = await tunnel(attachment, `allowed.test:${https}`);
      await expect(secure(internet, socket, name)).rejects.toThrow(/alert access denied|closed|reset/i);
    }
    expect(attachment.denials).toMatchObject([
      { reason: "name-mismatch", count: 2, message: expect.stringContaining('TLS names "other.test"') },
      { reason: "unreadable-name", count: 1 },
    ]);
    expect(internet.seen.filter((line) => line !== "connection")).toEqual([]);
  });

  test("denies TLS whose true name may be hidden, and lets none of it through", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`]);
    const { socket } = await tunnel(attachment, `allowed.test:${https}`);
    socket.write(record(message(serverName("allowed.test"), extension(0xfe0d, Buffer.alloc(20)))));
    const [alert] = await once(socket, "data");
    expect([...alert]).toEqual([21, 3, 3, 0, 2, 2, 49]);
    expect(attachment.denials).toMatchObject([{ reason: "unreadable-name", message: expect.stringContaining("ECH") }]);
    expect(attachment.proxy.bytes).toBe(0);
  });

  test("denies what is no TLS, and lets none of it through", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    const { socket } = await tunnel(attachment, `allowed.test:${http}`);
    socket.write(get("/secret", "other.test"));
    await once(socket.resume(), "close");
    expect(reasons(attachment)).toEqual(["unreadable-name"]);
    expect(internet.seen.filter((line) => line !== "connection")).toEqual([]);
  });

  test("waits for a hello only so long", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`], { openMs: 100 });
    const { socket } = await tunnel(attachment, `allowed.test:${https}`);
    socket.write(Buffer.from([22, 3, 1]));
    await once(socket.resume(), "close");
    expect(attachment.denials).toEqual([]);
  });
});

describe("names that point inwards (S18)", () => {
  test.each([
    "127.0.0.2",
    "169.254.169.254",
    "10.0.0.1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "fd00::1",
    "::1",
    "64:ff9b::7f00:1",
  ])("%s is not dialled, on either way", async (address) => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    internet.names.set("allowed.test", ["93.184.216.34", address]);
    const answer = await say(attachment, get(`http://allowed.test:${http}/`, `allowed.test:${http}`));
    expect(answer).toContain(`points to ${address}, which is not a public address`);
    expect((await tunnel(attachment, `allowed.test:${http}`)).status).toContain("403");
    expect(attachment.denials).toMatchObject([{ host: "allowed.test", reason: "private-address", count: 2 }]);
    expect(internet.seen).toEqual([]);
  });

  test("a name is resolved once for a connection, and what was checked is what is dialled", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`]);
    await say(attachment, get(`http://allowed.test:${http}/`, `allowed.test:${http}`));
    expect(internet.asked).toEqual(["allowed.test"]);
    internet.names.set("allowed.test", ["127.0.0.2"]);
    expect(await say(attachment, get(`http://allowed.test:${http}/`, `allowed.test:${http}`))).toContain("403");
    expect(internet.seen.filter((line) => line !== "connection")).toHaveLength(1);
  });

  test("a name without an address, and a server that is not there, are failures and no denials", async () => {
    const attachment = await internet.attach(["allowed.test:1"]);
    expect((await tunnel(attachment, "allowed.test:1")).status).toMatch(/502 .*failed to connect to allowed.test:1/);
    expect(await say(attachment, get("http://allowed.test:1/", "allowed.test:1"))).toContain("502 Bad Gateway");
    internet.names.set("allowed.test", []);
    expect((await tunnel(attachment, "allowed.test:1")).status).toMatch(/502 .*has no address/);
    expect(attachment.denials).toEqual([]);
  });
});

describe("limits", () => {
  test("of bytes end every connection, and the next one says why", async () => {
    const { http, https } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`, `allowed.test:${https}`], { bytes: 200_000 });
    const idle = (await tunnel(attachment, `allowed.test:${https}`)).socket;
    const big = await say(attachment, get(`http://allowed.test:${http}/bytes/1000000`, `allowed.test:${http}`));
    expect(big.length).toBeLessThan(300_000);
    if (!idle.destroyed) await once(idle.resume(), "close");
    expect(await say(attachment, get(`http://allowed.test:${http}/`, `allowed.test:${http}`))).toContain(
      "429 more than 200000 bytes",
    );
    expect(reasons(attachment)).toEqual(["limit"]);
  });

  test("of connections refuse one more, until one ends", async () => {
    const { https } = internet;
    const attachment = await internet.attach([`allowed.test:${https}`], { connections: 2 });
    const held = [await tunnel(attachment, `allowed.test:${https}`), await tunnel(attachment, `allowed.test:${https}`)];
    expect((await tunnel(attachment, `allowed.test:${https}`)).status).toContain("429 more than 2 connections");
    held[0]!.socket.destroy();
    await expect.poll(async () => (await tunnel(attachment, `allowed.test:${https}`)).status).toContain("200");
    held[1]!.socket.destroy();
  });

  test("of requests that are under way on one connection refuse the rest", async () => {
    const { http } = internet;
    const attachment = await internet.attach([`allowed.test:${http}`], { connections: 5 });
    const where = `allowed.test:${http}`;
    const request = get(`http://${where}/`, where).replace("close", "keep-alive");
    const answer = await say(attachment, `${request.repeat(50)}${get(`http://${where}/`, where)}`);
    expect(answer).toContain("hello from");
    expect(answer).toContain("429 Too Many Requests");
    expect(reasons(attachment)).toEqual(["limit"]);
    expect(internet.seen.filter((line) => line === "connection").length).toBeLessThan(50);
  });

  test("of a quiet connection end it, before and in a tunnel", async () => {
    const attachment = await internet.attach([`allowed.test:${internet.https}`], { idleMs: 200 });
    await once((await open(attachment)).resume(), "close");
    const { socket } = await tunnel(attachment, `allowed.test:${internet.https}`);
    const client = await secure(internet, socket, "allowed.test");
    await once(client.resume(), "close");
    expect(attachment.denials).toEqual([]);
  });

  test("of what is recorded: a flood of names is kept short", async () => {
    const attachment = await internet.attach(["allowed.test:443"]);
    const flood = Array.from({ length: 150 }, (_, index) =>
      get(`http://n${index}.test/`, `n${index}.test`).replace("close", "keep-alive"),
    );
    await say(attachment, `${flood.join("")}${get("http://n0.test/", "n0.test")}`);
    expect(attachment.denials.length).toBeLessThanOrEqual(100);
  });
});

test("a proxy that is closed ends its connections and leaves nothing", async () => {
  const attachment = await internet.attach([`allowed.test:${internet.https}`]);
  const { socket } = await tunnel(attachment, `allowed.test:${internet.https}`);
  const closed = once(socket.resume(), "close");
  await attachment.close();
  await closed;
  expect(existsSync(dirname(attachment.proxy.socketPath))).toBe(false);
  await attachment.close();
});

test("a list that is wrong is refused by entry", async () => {
  await expect(internet.attach(["allowed.test:443", "127.0.0.1:80"])).rejects.toMatchObject({
    code: "INVALID_OPTION",
    problems: [{ where: "allowedDomains[1]" }],
  });
});
