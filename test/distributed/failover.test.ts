/** A master that dies, a replica that a sentinel puts in its place: the run goes on there. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { distributed, readCluster } from "#src/distributed.js";
import type { RunEvent } from "#src/model/event.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { freePort, program, startRedis } from "../support/redis-server.js";
import { present } from "../support/require-component.js";
import { linesOf, patience, startCluster, tasks, until } from "./cluster.js";

it.runIf(present("redis"))("a run goes on where Redis fails over to a replica", { timeout: patience }, async () => {
  await using cluster = await startCluster();
  const master = cluster.redis.port;
  const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master), "--appendonly", "yes"] });
  const sentinel = await startSentinel(cluster.folder, master);
  const connection = `redis-sentinel://127.0.0.1:${sentinel.port}#tasks`;
  const asReplica = new Redis({ port: replica.port, maxRetriesPerRequest: null });
  await until(
    async () => (await asReplica.info("replication")).includes("master_link_status:up"),
    "the replica to follow",
  );

  await cluster.worker({ id: "failover-1", env: { ORCHESTRATOR_REDIS: connection } });
  const events: RunEvent[] = [];
  const executor = new ParallelExecutor({
    backend: distributed({ connection }),
    monitor: { observe: (event) => void events.push(event) },
  });
  const [note, go] = [join(cluster.folder, "held"), join(cluster.folder, "go")];
  const running = executor.executeTasks(
    [
      { id: "held", run: worker(tasks, "hold"), with: { note, until: go } },
      ...["after-1", "after-2"].map((id) => ({
        id,
        run: worker(tasks, "echo"),
        with: { value: id },
        dependsOn: ["held"],
      })),
    ],
    { journal: join(cluster.folder, "journal") },
  );
  await until(() => events.some(({ type }) => type === "attempt-started"), "the task to begin");
  await cluster.redis.kill();
  await until(
    async () => (await asReplica.info("replication")).includes("role:master"),
    "the replica to be put in its place",
  );
  writeFileSync(go, "");
  const results = await running;
  expect([...results.values()].map(({ status }) => status)).toEqual(["succeeded", "succeeded", "succeeded"]);
  expect(results.get("after-2")?.output).toBe("after-2");
  expect(linesOf(note).length).toBeGreaterThan(0);
  expect((await readCluster({ connection })).workers.map(({ id }) => id)).toEqual(["failover-1"]);
  await executor.close();
  asReplica.disconnect();
  await sentinel.stop();
  await replica.stop();
});

async function startSentinel(folder: string, master: number): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const file = join(folder, "sentinel.conf");
  const watch = [
    `monitor tasks 127.0.0.1 ${master} 1`,
    "down-after-milliseconds tasks 3000",
    "failover-timeout tasks 10000",
  ];
  writeFileSync(
    file,
    [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, ...watch.map((line) => `sentinel ${line}`), ""].join("\n"),
  );
  const child: ChildProcess = spawn(program, [file, "--sentinel"], { stdio: "ignore" });
  const client = new Redis({ port, maxRetriesPerRequest: null });
  client.on("error", () => {});
  // It learns of replicas from the master, once in ten seconds.
  await until(
    async () => ((await client.call("SENTINEL", "REPLICAS", "tasks")) as unknown[]).length === 1,
    "the sentinel to know the replica",
  );
  client.disconnect();
  return {
    port,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
