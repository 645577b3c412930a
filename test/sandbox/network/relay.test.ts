/** Ordinary clients in a real empty network namespace, with the relay and the proxy between them and the servers (S20). */
import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NetworkAttachment } from "#src/sandbox/network/attachment.js";
import { isPresent } from "../../support/require-component.js";
import { type Internet, startInternet } from "./fixture.js";

const canUnshare = isPresent("bubblewrap with network namespaces", {
  check: () => spawnSync("bwrap", ["--ro-bind", "/", "/", "--unshare-all", "true"]).status === 0,
  remedy: "run scripts/setup.sh --test, where namespaces are allowed",
});

let internet: Internet;
beforeEach(async () => {
  internet = await startInternet();
});
afterEach(() => internet.close());

/** Runs a shell script inside, after the attachment's companions. */
async function inside(attachment: NetworkAttachment, script: string): Promise<string> {
  const options =
    "--ro-bind / / --dev /dev --proc /proc --tmpfs /run --tmpfs /tmp --unshare-all --die-with-parent --clearenv";
  const variables = "--setenv PATH /usr/bin:/bin --setenv HOME /tmp --setenv NODE_EXTRA_CA_CERTS /tmp/ca.pem";
  const args = `${options} ${variables} --ro-bind ${internet.certificatePath} /tmp/ca.pem`.split(" ");
  for (const mount of attachment.mounts) {
    if (mount.type === "socket" || mount.type === "read-only") args.push("--bind", mount.source, mount.target);
  }
  for (const [name, value] of Object.entries(attachment.environment)) args.push("--setenv", name, value);
  const companions = (attachment.companions ?? []).map((words) =>
    words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" "),
  );
  const child = spawn("bwrap", [...args, "bash", "-c", `${companions.join("\n")}\n${script}`], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return stdout + stderr;
}

const python = (body: string) => `python3 - <<'END'\nimport os, socket, ssl, threading, urllib.request\n${body}\nEND`;
const node = (body: string) => `${process.execPath} --input-type=module - <<'END'\n${body}\nEND`;

describe.runIf(canUnshare)("in an empty network namespace", () => {
  let attachment: NetworkAttachment;
  let where: string;
  let secure: string;
  beforeEach(async () => {
    const { http, https } = internet;
    attachment = await internet.attach([`allowed.test:${http}`, `allowed.test:${https}`]);
    where = `http://allowed.test:${http}`;
    secure = `https://allowed.test:${https}`;
  });

  test("curl reaches what is allowed, and says why it does not reach the rest", async () => {
    const said = await inside(
      attachment,
      `curl -sS ${where}/; echo; curl -sS --cacert /tmp/ca.pem ${secure}/; echo
       curl -sS -L ${where}/redirect; curl -sS http://other.test/; curl -sSv https://other.test/ 2>&1 | grep -a "denied"
       curl -sS --noproxy '*' --connect-timeout 2 http://127.0.0.1:${internet.http}/; curl -sS --noproxy '*' --connect-timeout 2 ${where}/`,
    );
    expect(said).toContain(`hello from allowed.test:${internet.http}\nhello from allowed.test:${internet.https}\n`);
    expect(said).toContain("denied: denied.test:80 is not in allowedDomains");
    expect(said).toContain("denied: other.test:80 is not in allowedDomains");
    expect(said).toContain("denied: other.test:443 is not in allowedDomains");
    expect(said).toMatch(/Failed to connect to 127.0.0.1|Couldn't connect to server/);
    expect(said).toContain("Could not resolve host: allowed.test");
    expect(attachment.denials.map(({ host }) => host)).toEqual(["denied.test", "other.test", "other.test"]);
  });

  test("Python's urllib does", async () => {
    const said = await inside(
      attachment,
      python(`context = ssl.create_default_context(cafile="/tmp/ca.pem")
print(urllib.request.urlopen("${where}/").read())
print(urllib.request.urlopen("${secure}/", context=context).read())
print(len(urllib.request.urlopen("${secure}/bytes/3000000", context=context).read()))
body = os.urandom(400000)
print(urllib.request.urlopen(urllib.request.Request("${secure}/", data=body), context=context).read() == body)
for url in ("https://other.test/", "http://other.test/"):
  try: urllib.request.urlopen(url)
  except Exception as error: print(error, getattr(error, "read", bytes)())`),
    );
    expect(said).toContain(
      `b'hello from allowed.test:${internet.http}'\nb'hello from allowed.test:${internet.https}'\n3000000\nTrue\n`,
    );
    expect(said).toContain(
      "Tunnel connection failed: 403 sandbox network: denied: other.test:443 is not in allowedDomains",
    );
    expect(said).toContain("denied: other.test:80 is not in allowedDomains");
  });

  test("Node's fetch, http and https do, and its own loopback stays its own", async () => {
    const said = await inside(
      attachment,
      node(`import http from "node:http"; import https from "node:https"; import { once } from "node:events";
const get = (module, url) => new Promise((resolve) => module.get(url, async (response) => {
  let text = ""; for await (const chunk of response) text += chunk; resolve(text);
}).on("error", (error) => resolve(error.message)));
console.log(await (await fetch("${where}/")).text());
console.log(await (await fetch("${secure}/")).text());
console.log(await (await fetch("${secure}/", { method: "POST", body: "posted" })).text());
console.log(await get(http, "${where}/"), await get(https, "${secure}/"));
console.log(await (await fetch("http://other.test/")).text());
console.log(await fetch("https://other.test/").catch((error) => error.cause?.message));
console.log(await get(https, "https://other.test/"));
const local = http.createServer((request, response) => response.end("local " + request.url)).listen(0, "127.0.0.1");
await once(local, "listening");
console.log(await get(http, "http://127.0.0.1:" + local.address().port + "/a"), await (await fetch("http://127.0.0.1:" + local.address().port + "/b")).text());
process.exit();`),
    );
    const [plain, tls] = [`hello from allowed.test:${internet.http}`, `hello from allowed.test:${internet.https}`];
    expect(said).toContain(`${plain}\n${tls}\nposted\n${plain} ${tls}\n`);
    expect(said.match(/denied: other.test:443 is not in allowedDomains/g)).toHaveLength(2);
    expect(said).toContain("denied: other.test:80 is not in allowedDomains");
    expect(said).toContain("local /a local /b");
  });

  test("there is no other way out: no route, no resolver, no datagrams", async () => {
    const said = await inside(
      attachment,
      python(`for family, kind, address in (
  (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", ${internet.http})), (socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 443)),
  (socket.AF_INET, socket.SOCK_DGRAM, ("1.1.1.1", 53)), (socket.AF_INET6, socket.SOCK_DGRAM, ("2606:4700:4700::1111", 443))):
  client = socket.socket(family, kind); client.settimeout(2)
  try: client.connect(address); client.send(b"x"); print("REACHED", address)
  except OSError as error: print(error)
try: print("RESOLVED", socket.getaddrinfo("allowed.test", 80))
except OSError as error: print(error)
# The relay and the socket know HTTP only, for the same names.
for family, address in ((socket.AF_INET, ("127.0.0.1", 3128)), (socket.AF_UNIX, "/run/network/proxy.sock")):
  client = socket.socket(family); client.connect(address); client.sendall(b"CONNECT 127.0.0.1:${internet.http} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
  print(client.recv(100))`),
    );
    expect(said).not.toMatch(/REACHED|RESOLVED/);
    expect(said.match(/Network is unreachable|Connection refused/g)).toHaveLength(4);
    expect(said.match(/HTTP\/1.1 403 sandbox network: denied/g)).toHaveLength(2);
    expect(internet.seen).toEqual([]);
  });

  test("many connections at once, and ones that are cut, do not confuse the relay", async () => {
    const said = await inside(
      attachment,
      python(`context = ssl.create_default_context(cafile="/tmp/ca.pem")
wrong = []
def work(size):
  try:
    if len(urllib.request.urlopen("${secure}/bytes/%d" % size, context=context).read()) != size: wrong.append(size)
  except Exception as error: wrong.append(error)
def cut():
  client = socket.create_connection(("127.0.0.1", 3128)); client.send(b"GET ${where}/bytes/5000000 HTTP/1.1\\r\\nHost: allowed.test:${internet.http}\\r\\n\\r\\n"); client.recv(10); client.close()
for _ in range(3):
  threads = [threading.Thread(target=work, args=(n * 7919,)) for n in range(1, 25)] + [threading.Thread(target=cut) for _ in range(8)]
  for thread in threads: thread.start()
  for thread in threads: thread.join()
print("wrong:", wrong)
print(open("/proc/loadavg").read() != "", [p for p in os.listdir("/proc") if p.isdigit()])`),
    );
    expect(said).toContain("wrong: []");
    // Inside are bubblewrap, bash, this program and the one relay.
    expect(said.match(/'\d+'/g)).toHaveLength(4);
  });
});
