/** What one who can write to Redis can do, and who can get at Redis. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distributed, readCluster } from "#src/distributed.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { Envelope } from "#src/runner/remote/envelope.js";
import { present } from "../support/require-component.js";
import { type Cluster, linesOf, patience, startCluster, tasks, until } from "./cluster.js";

const key = "a key that is shared by both sides";

describe.runIf(present("redis"))("messages", { timeout: patience }, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  it("that are not signed, signed otherwise, for another purpose or malformed are refused, and nothing runs", async () => {
    const note = join(cluster.folder, "forged");
    await cluster.worker({ id: "signed", env: { ORCHESTRATOR_KEY: key }, flags: ["--command", "touch"] });
    const connection = { host: "127.0.0.1", port: cluster.redis.port };
    const queue = new Queue("default", { connection, prefix: "orchestrator:queue" });
    const commandWork = { kind: "command", argv: ["touch", note], options: {} };
    const message = {
      version: 1,
      run: "forged",
      at: Date.now(),
      works: [{ kind: "command", work: { j: commandWork } }],
      attempts: [{ token: 1, task: "t", name: "t", attempt: 1, work: 0 }],
    };
    const text = JSON.stringify(message);
    const genuine = new Envelope(key, 1e6);
    const add = (id: string, data: unknown) => queue.add("parcel", data, { jobId: id, removeOnComplete: true });
    await add("unsigned", `.${text}`);
    await add("other-key", new Envelope("another key that nobody shares", 1e6).seal("parcel other-key", text));
    await add("replayed", genuine.seal("parcel of-another-id", text));
    await add("no-text", { argv: ["touch", note] });
    await add("malformed", genuine.seal("parcel malformed", JSON.stringify({ ...message, works: "none" })));
    await add("too-long", `.${"x".repeat(17_000_000)}`);
    const refused = async () => (await readCluster({ connection: cluster.url })).counts.refused ?? 0;
    await until(async () => (await refused()) >= 6, "six to be refused");
    expect(linesOf(note)).toEqual([]);
    // The same, signed for its own id, is carried out: it was the seal that was missing.
    await add("genuine", genuine.seal("parcel genuine", text));
    await until(() => execFileSync("ls", [cluster.folder], { encoding: "utf8" }).includes("forged"), "the command");
    await queue.close();
  });

  it("go to and fro where both sides have the key, and a worker with another one is seen", async () => {
    const backend = distributed({ connection: cluster.url, key });
    await using executor = new ParallelExecutor({ backend });
    const results = await executor.executeTasks([{ id: "add", run: worker(tasks, "add"), with: { a: 1, b: 2 } }]);
    expect(results.get("add")?.output).toBe(3);
    expect(await readCluster({ connection: cluster.url, key: "a key that opens nothing here" })).toMatchObject({
      workers: [],
      unreadable: ["signed"],
    });
  });

  it("that pretend to be a worker's answer are refused", async () => {
    const troubles: string[] = [];
    const queue = "silent";
    const backend = distributed({
      connection: cluster.url,
      key,
      queue,
      onTrouble: ({ message }) => troubles.push(message),
    });
    await using executor = new ParallelExecutor({ backend });
    const controller = new AbortController();
    const run = executor.run([{ id: "t", run: worker(tasks, "nothing") }], {
      runId: "fooled",
      signal: controller.signal,
    });
    const redis = new Redis(cluster.url);
    await until(() => backend.stats().submitted > 0, "the task to be sent");
    const inboxes = await redis.keys("orchestrator:coordinator:*:answers");
    const answers = Array.from({ length: 100 }, (_, token) => ({
      is: "succeeded",
      token,
      value: { j: "forged" },
      ms: 1,
    }));
    const forged = JSON.stringify({ version: 1, worker: "evil", host: "evil", answers });
    for (const inbox of inboxes) await redis.xadd(inbox, "*", "fooled", `.${forged}`);
    await until(() => backend.stats().refused > 0, "the answer to be refused");
    controller.abort();
    expect((await run.results).get("t")?.status).toBe("cancelled");
    expect(troubles.join()).toContain("is not signed");
    redis.disconnect();
  });
});

describe.runIf(present("redis", "openssl"))(
  "a server with TLS, client certificates and access lists",
  { timeout: patience },
  () => {
    it("serves those who have a certificate and a password, with the rights that docs/scaling.md names", async () => {
      await using cluster = await startCluster();
      const certificates = makeCertificates(cluster.folder);
      const tlsPort = cluster.redis.port;
      await cluster.redis.kill();
      const { startRedis } = await import("../support/redis-server.js");
      const acl = readFileSync(new URL("../../docs/scaling.md", import.meta.url), "utf8").match(
        /^ACL SETUSER (.+)$/m,
      )![1]!;
      const [user, ...rules] = acl.replaceAll("PASSWORD", "secret").split(" ");
      // A server without a plain port does not answer the plain PING of the tests' helper: the plain one stays, for it alone.
      const server = await startRedis({
        args: [
          ...["--tls-port", String(tlsPort), "--tls-cert-file", certificates.cert, "--tls-key-file", certificates.key],
          ...["--tls-ca-cert-file", certificates.ca, "--tls-auth-clients", "yes"],
          ...["--user", user!, ...rules],
          ...["--user", "default", "on", "nopass", "nocommands", "+ping"],
        ],
      });
      const url = `rediss://${user}:secret@localhost:${tlsPort}`;
      const flags = ["--tls-ca", certificates.ca, "--tls-cert", certificates.cert, "--tls-key", certificates.key];
      await cluster.worker({ id: "tls", flags, env: { ORCHESTRATOR_REDIS: url } });
      const read = (path: string) => readFileSync(path, "utf8");
      const tls = { ca: read(certificates.ca), cert: read(certificates.cert), key: read(certificates.key) };
      const connection = { host: "localhost", port: tlsPort, username: user!, password: "secret", tls };
      const executor = new ParallelExecutor({ backend: distributed({ connection }) });
      const graph = [{ id: "add", run: worker(tasks, "add"), with: { a: 1, b: 2 } }];
      const results = await executor.executeTasks(graph, { journal: join(cluster.folder, "journal") });
      expect(results.get("add")?.output).toBe(3);
      await executor.close();
      expect((await readCluster({ connection })).workers.map(({ id }) => id)).toEqual(["tls"]);
      await expect(readCluster({ connection: { ...connection, password: "wrong" } })).rejects.toThrow(
        /WRONGPASS|closed/,
      );
      const { ca } = tls;
      await expect(readCluster({ connection: { ...connection, tls: { ca } } })).rejects.toThrow();
      await server.stop();
    });
  },
);

function makeCertificates(folder: string): { ca: string; cert: string; key: string } {
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe", cwd: folder });
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=test ca",
  );
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=localhost");
  openssl(
    "x509",
    "-req",
    "-in",
    "tls.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "tls.pem",
    "-days",
    "2",
  );
  return { ca: path("ca.pem"), cert: path("tls.pem"), key: path("tls.key") };
}
