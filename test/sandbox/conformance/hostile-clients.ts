/**
 * Clients that are programs of an enemy, behind the real wall and against the real proxy: whatever they say, nothing reaches a server that was not
 * allowed, nothing reaches an allowed one under another name, and the proxy is well afterwards.
 */
import { readdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SandboxExecutionResult } from "#src/model/sandbox.js";
import type { EgressLimits } from "#src/sandbox/network/proxy.js";
import { type Internet, startInternet } from "../network/fixture.js";
import type { BackendUnderTest } from "./backend-under-test.js";

/** `talk(bytes)`: all that the proxy answers on one connection, or why there is no more. `tunnel(target)`: after its status line. */
const prelude = `import os, select, socket, ssl, sys, time, urllib.request
def connect(): return socket.create_connection(("127.0.0.1", 3128), 60)
def rest(client):
  got = b""
  try:
    while chunk := client.recv(65536): got += chunk
  except OSError as error: got += b" [" + type(error).__name__.encode() + b"]"
  return got
def talk(data):
  client = connect()
  try: client.sendall(data)
  except OSError: pass
  return rest(client)
def first(data): return talk(data).split(b"\\r\\n")[0].decode("latin1")
def tunnel(target):
  client = connect(); client.sendall(f"CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n".encode())
  return client, client.recv(65536).split(b"\\r\\n")[0].decode("latin1")
context = ssl.create_default_context(cafile="ca.pem"); context.check_hostname = False
`;

export function describeHostileClients(backend: BackendUnderTest): void {
  const runOnNetwork = backend.runOnNetwork;
  if (runOnNetwork === undefined) return;
  describe("hostile clients", () => {
    let internet: Internet;
    beforeEach(async () => {
      internet = await startInternet();
    });
    afterEach(() => internet.close());

    interface Ran {
      readonly result: SandboxExecutionResult;
      readonly lines: readonly string[];
      /** Why the proxy denied what it did, without repetitions. */
      readonly reasons: readonly string[];
      /** Requests that arrived anywhere. */
      readonly requests: readonly string[];
    }

    async function run(
      code: string,
      more: {
        readonly domains?: readonly string[];
        readonly limits?: Partial<EgressLimits>;
        readonly onStdout?: (chunk: Uint8Array) => void;
      } = {},
    ): Promise<Ran> {
      const { http, https } = internet;
      const domains = more.domains ?? [`allowed.test:${http}`, `allowed.test:${https}`];
      const options = { language: "python", files: { "ca.pem": internet.certificate } };
      const { onStdout, limits } = more;
      const ran = await runOnNetwork!(
        internet,
        domains,
        prelude + code,
        onStdout === undefined ? options : { ...options, onStdout },
        limits,
      );
      expect(ran.result.verdict, `${ran.result.error?.message}\n${ran.result.stderr}`).toBe("ok");
      return {
        result: ran.result,
        lines: ran.result.stdout.trimEnd().split("\n"),
        reasons: [...new Set(ran.denied.map(([, reason]) => reason))].sort(),
        requests: internet.seen.filter((line) => line !== "connection"),
      };
    }

    test("that name another server in TLS, or none, or an address, get no byte through", async () => {
      const { https } = internet;
      const { lines, reasons, requests } = await run(`
for name in ("other.test", None, "127.0.0.1", "allowed.test.other.test", "xallowed.test"):
  client, status = tunnel("allowed.test:${https}")
  try: context.wrap_socket(client, server_hostname=name); print("SPOKE", name)
  except (OSError, ssl.SSLError) as error: print("no TLS")
client, status = tunnel("allowed.test:${https}")
secure = context.wrap_socket(client, server_hostname="allowed.test")
secure.sendall(b"GET / HTTP/1.1\\r\\nHost: allowed.test:${https}\\r\\nConnection: close\\r\\n\\r\\n"); print(b"hello from" in rest(secure))`);
      expect(lines).toEqual([...Array<string>(5).fill("no TLS"), "True"]);
      expect(reasons).toEqual(["name-mismatch", "unreadable-name"]);
      expect(requests).toEqual([`allowed.test:${https} GET /`]);
    });

    test("that ask for other ports, addresses in any spelling, and names that only look alike are denied", async () => {
      const { http, https } = internet;
      const { lines, requests } = await run(`
for target in ("allowed.test:22", "allowed.test:${http + 1}", "127.0.0.1:${https}", "[::1]:${https}", "[::ffff:127.0.0.1]:${https}", "2130706433:${https}", "0x7f.1:${https}",
  "localhost:${https}", "allowed.test.:22", "allowed.test@127.0.0.1:${https}", "allowed.test:${https}@127.0.0.1:${https}", "allowed.test%00.other.test:${https}", "169.254.169.254:80", ":${https}", "*:${https}"):
  print(tunnel(target)[1][:12])
for uri, host in (("http://127.0.0.1:${http}/", "127.0.0.1:${http}"), ("http://allowed.test:${http}@127.0.0.1:${http}/", "allowed.test:${http}"), ("http://allowed.test:${http}\\\\@127.0.0.1/", "allowed.test:${http}"), ("http://127.1:${http}/", "allowed.test:${http}")):
  print(first(f"GET {uri} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n".encode())[:12])`);
      for (const line of lines) expect(line).toMatch(/^HTTP\/1\.1 40[03]$/);
      expect(lines).toHaveLength(19);
      expect(requests).toEqual([]);
      expect(internet.seen).toEqual([]);
    });

    test("whose allowed names come to point inwards reach nothing, also right after they pointed outwards", async () => {
      const { http } = internet;
      const inward = [
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "127.0.0.2",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "0.0.0.0",
      ];
      for (const [index, address] of inward.entries()) internet.names.set(`n${index}.test`, [address]);
      const domains = [`allowed.test:${http}`, ...inward.map((_, index) => `n${index}.test:${http}`)];
      const { lines, reasons, requests } = await run(
        `
def ask(name): return first(f"GET http://{name}:${http}/ HTTP/1.1\\r\\nHost: {name}:${http}\\r\\nConnection: close\\r\\n\\r\\n".encode())
for index in range(${inward.length}): print(ask(f"n{index}.test"), tunnel(f"n{index}.test:${http}")[1])
print(ask("allowed.test")); print("turn", flush=True)
# The name is given another address from now on, as whoever rules a zone can do at any time.
for _ in range(600):
  said = ask("allowed.test")
  if "200" not in said: break
  time.sleep(0.05)
print(said)`,
        {
          domains,
          onStdout: (chunk) => {
            if (Buffer.from(chunk).includes("turn")) internet.names.set("allowed.test", ["10.0.0.1"]);
          },
        },
      );
      for (const line of lines.slice(0, inward.length)) expect(line.match(/HTTP\/1\.1 403 /g), line).toHaveLength(2);
      expect(lines.slice(inward.length)).toEqual(["HTTP/1.1 200 OK", "turn", "HTTP/1.1 403 Forbidden"]);
      expect(reasons).toEqual(["private-address"]);
      expect(new Set(requests)).toEqual(new Set([`allowed.test:${http} GET /`]));
    });

    test("that smuggle a second request or another Host in one are not understood in two ways", async () => {
      const { http } = internet;
      const { requests } = await run(`
where = "allowed.test:${http}"
hidden = f"GET http://other.test:${http}/smuggled HTTP/1.1\\r\\nHost: other.test:${http}\\r\\n\\r\\n"
head = f"POST http://{where}/ HTTP/1.1\\r\\nHost: {where}\\r\\n"
for lines in (
  f"Content-Length: {len(hidden)}\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n{hidden}",
  f"Transfer-Encoding : chunked\\r\\n\\r\\n0\\r\\n\\r\\n{hidden}",
  f"Transfer-Encoding: chunked\\r\\nTransfer-Encoding: identity\\r\\n\\r\\n0\\r\\n\\r\\n{hidden}",
  f"Transfer-Encoding:\\x0bchunked\\r\\n\\r\\n0\\r\\n\\r\\n{hidden}",
  f"Content-Length: 0\\r\\nContent-Length: {len(hidden)}\\r\\n\\r\\n{hidden}",
  f"Content-Length: +0\\r\\n\\r\\n{hidden}",
  f"Transfer-Encoding: chunked\\r\\n\\r\\n0x0\\r\\n\\r\\n{hidden}",
  f"Transfer-Encoding: chunked\\r\\n\\r\\n0;a\\nb\\r\\n\\r\\n{hidden}",
  f"Host: other.test:${http}\\r\\nContent-Length: 0\\r\\n\\r\\n", f"Host : other.test\\r\\nContent-Length: 0\\r\\n\\r\\n", f"X: y\\nHost: other.test\\r\\nContent-Length: 0\\r\\n\\r\\n",
  f"X: y\\r\\n Host: other.test\\r\\nContent-Length: 0\\r\\n\\r\\n", f"X: a\\rHost: other.test\\r\\nContent-Length: 0\\r\\n\\r\\n", f"X: \\0\\r\\nContent-Length: 0\\r\\n\\r\\n",
):
  client = connect(); client.sendall((head + "Connection: keep-alive\\r\\n" + lines).encode("latin1")); client.shutdown(socket.SHUT_WR); rest(client)
for target in (f"http://{where}/ HTTP/1.1\\r\\nHost: other.test\\r\\nX: ", f"http://{where}/\\tHTTP/1.1", f"http://{where}/\\x0bX"):
  talk(f"GET {target} HTTP/1.1\\r\\nHost: {where}\\r\\nConnection: close\\r\\n\\r\\n".encode("latin1"))
print(first(f"GET http://{where}/well HTTP/1.1\\r\\nHost: {where}\\r\\nConnection: close\\r\\n\\r\\n".encode()))`);
      expect(requests.filter((line) => line.includes("smuggled") || line.includes("other.test"))).toEqual([]);
      for (const request of requests)
        expect(request).toMatch(new RegExp(`^allowed\\.test:${http} (?:POST /|GET /well)$`));
      expect(requests.at(-1)).toBe(`allowed.test:${http} GET /well`);
    });

    test("that speak HTTP/2, SOCKS, TLS or nonsense to the proxy itself are hung up on", async () => {
      const { http } = internet;
      const { lines, requests } = await run(`
for opening in (b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + b"\\0\\0\\0\\4\\0\\0\\0\\0\\0", b"\\5\\1\\0", b"\\4\\1\\0\\x50\\x7f\\0\\0\\1\\0", b"\\x16\\3\\1\\2\\0\\1\\0\\1\\xfc\\3\\3" + os.urandom(500), os.urandom(5000), b"\\r\\n" * 20000, b"GET / HTTP/0.9\\r\\n\\r\\n", b"A" * 100000):
  client = connect()
  try: client.sendall(opening); client.shutdown(socket.SHUT_WR)
  except OSError: pass
  print(rest(client)[:12])
upgrade = b"GET http://allowed.test:${http}/ HTTP/1.1\\r\\nHost: allowed.test:${http}\\r\\nConnection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nHTTP2-Settings: AAMAAABkAAQAAP__\\r\\n\\r\\n"
client = connect(); client.sendall(upgrade); print(client.recv(12))`);
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/^b'(?:HTTP\/1\.1 40\d| \[|')/);
      expect(lines.at(-1)).toBe("b'HTTP/1.1 200'");
      expect(requests).toEqual([`allowed.test:${http} GET /`]);
    });

    test("with headers without end are cut off, and cost the proxy nothing", async () => {
      const { http } = internet;
      const { lines, requests, reasons } = await run(`
where = "allowed.test:${http}"
head = f"GET http://{where}/ HTTP/1.1\\r\\nHost: {where}\\r\\n".encode()
def endless(piece):
  client, sent = connect(), 0
  try:
    client.sendall(head)
    while sent < 64 << 20: sent += client.send(piece)
  except OSError: pass
  return sent < 64 << 20
print(endless(b"X-Long: " + b"y" * 65536), endless(b"X: y\\r\\n" * 10000), endless(b"X-Name" * 10000))
print(first(f"GET http://{where}/{'a' * 40000} HTTP/1.1\\r\\nHost: {where}\\r\\n\\r\\n".encode())[:12])
print(first(head + b"Connection: close\\r\\n\\r\\n"))`);
      expect(lines).toEqual(["True True True", expect.stringMatching(/^HTTP\/1\.1 4\d\d$/), "HTTP/1.1 200 OK"]);
      expect(reasons).toEqual(["malformed"]);
      expect(requests).toEqual([`allowed.test:${http} GET /`]);
    });

    test("that say one byte after another are not waited for", async () => {
      const { http, https } = internet;
      const { lines, requests } = await run(
        `
import threading
def drip(client, data, pause):
  for byte in data:
    try: client.send(bytes([byte])); time.sleep(pause)
    except OSError: return True
    client.settimeout(0.001)
    try:
      if client.recv(1000) == b"": return True
    except TimeoutError: pass
    except OSError: return True
  return False
ended = {}
def loris(name, client, data): ended[name] = drip(client, data, 0.1)
inside, status = tunnel("allowed.test:${https}")
threads = [threading.Thread(target=loris, args=args) for args in (
  ("headers", connect(), b"GET http://allowed.test:${http}/ HTTP/1.1\\r\\nX: " + b"y" * 2000),
  ("hello", inside, b"\\x16\\3\\1\\x2f\\xff\\1\\0\\x2f\\xfb\\3\\3" + b"r" * 32 + b"\\0\\x2f\\0" + b"\\0" * 2000))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(status.split()[1], ended["headers"], ended["hello"])`,
        { limits: { openMs: 3000, idleMs: 6000 } },
      );
      expect(lines).toEqual(["200 True True"]);
      expect(requests).toEqual([]);
    });

    test("that close one half of a connection are answered or hung up on, and hold nothing", async () => {
      const { http, https } = internet;
      const { lines } = await run(`
client = connect(); client.sendall(b"GET http://allowed.test:${http}/bytes/300000 HTTP/1.1\\r\\nHost: allowed.test:${http}\\r\\nConnection: close\\r\\n\\r\\n"); client.shutdown(socket.SHUT_WR)
print(rest(client)[:8] in (b"", b"HTTP/1.1"))
client, status = tunnel("allowed.test:${https}"); client.shutdown(socket.SHUT_WR); print(rest(client)[:1] in (b"", b"\\x15"))
client = connect(); client.shutdown(socket.SHUT_WR); print(rest(client))
client, status = tunnel("allowed.test:${https}"); client.shutdown(socket.SHUT_RD)
secure = context.wrap_socket(tunnel("allowed.test:${https}")[0], server_hostname="allowed.test")
secure.sendall(b"GET /bytes/300000 HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n"); print(rest(secure).count(b"A") >= 300000)`);
      expect(lines).toEqual(["True", "True", "b''", "True"]);
    });

    test("that open a thousand connections have as many as they may, and leave none", async () => {
      const { http } = internet;
      const before = readdirSync("/proc/self/fd").length;
      // A relay that is out of reach closes by itself what is too much.
      const refusal = backend.relayIsOutOfReach === true ? "" : "HTTP/1.1 429";
      const { lines, reasons } = await run(`
where = "allowed.test:${http}"
held, refused = [], 0
for _ in range(1000):
  try: client = socket.create_connection(("127.0.0.1", 3128), 5)
  except OSError: refused += 1; continue
  held.append(client)
  try: client.sendall(f"GET http://{where}/ HTTP/1.1\\r\\nHost: {where}\\r\\n".encode())
  except OSError: pass
  if len(held) > 150: held.pop(0).close()
print(len(held) > 0)
for client in held: client.close()
# What the relay has not yet closed of these takes its descriptors, so some of the next it closes unheard. None of them asks for anything, so that
# who is answered is refused.
crowd, refused, deadline = set(), False, time.monotonic() + 50
while not refused and time.monotonic() < deadline:
  if len(crowd) < 100: crowd.add(connect())
  for client in select.select(crowd, [], [], 0.02)[0]:
    refused = rest(client).startswith(b"${refusal}") or refused
    crowd.remove(client)
    client.close()
print(refused)
for client in crowd: client.close()
for _ in range(100):
  said = first(f"GET http://{where}/ HTTP/1.1\\r\\nHost: {where}\\r\\nConnection: close\\r\\n\\r\\n".encode())
  if "200" in said: break
  time.sleep(0.1)
print(said)`);
      expect(lines).toEqual(["True", "True", "HTTP/1.1 200 OK"]);
      if (backend.relayIsOutOfReach !== true) expect(reasons).toContain("limit");
      await internet.close();
      await expect.poll(() => readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
      internet = await startInternet();
    });
  });
}
