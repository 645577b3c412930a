/**
 * Three hosts as network namespaces on one bridge: one with Redis and the coordinator, two with a worker each. One worker's
 * host is cut off for a while and healed: its attempts go elsewhere, and what it answers afterwards counts for nothing.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distributed, readCluster } from "#src/distributed.js";
import type { RunEvent } from "#src/model/event.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { present } from "../support/require-component.js";
import { type Cluster, linesOf, patience, startCluster, tasks, until } from "./cluster.js";

/** Seconds: 30 in the full proof. */
const cutSeconds = Number(process.env.ORCHESTRATOR_PARTITION_SECONDS ?? 8);

describe.runIf(present("linux", "root", "redis", "ip"))(
  "a host that is cut off and healed",
  { timeout: patience },
  () => {
    const tag = `oe${process.pid % 10_000}`;
    const bridge = `${tag}br`;
    const subnet = `10.${180 + (process.pid % 60)}.${(process.pid >> 6) % 250}`;
    const hosts = [1, 2].map((number) => ({
      name: `${tag}h${number}`,
      link: `${tag}l${number}`,
      address: `${subnet}.${number + 1}`,
    }));
    let cluster: Cluster;
    const ip = (...args: string[]) => execFileSync("ip", args, { stdio: "pipe" });

    beforeAll(async () => {
      ip("link", "add", bridge, "type", "bridge");
      ip("addr", "add", `${subnet}.1/24`, "dev", bridge);
      ip("link", "set", bridge, "up");
      for (const { name, link, address } of hosts) {
        ip("netns", "add", name);
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name);
        ip("link", "set", link, "master", bridge);
        ip("link", "set", link, "up");
        ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
        ip("-n", name, "link", "set", "eth0", "up");
        ip("-n", name, "link", "set", "lo", "up");
      }
      cluster = await startCluster(["--bind", "127.0.0.1", `${subnet}.1`, "--protected-mode", "no"]);
    });

    afterAll(async () => {
      await cluster?.stop();
      for (const { name } of hosts) ip("netns", "delete", name);
      ip("link", "delete", bridge);
    });

    it(
      "completes the run elsewhere; late answers are fenced off and counted, and none is taken twice",
      async () => {
        const env = { ORCHESTRATOR_REDIS: `redis://${subnet}.1:${cluster.redis.port}` };
        const started = hosts.map(({ name }, index) =>
          cluster.worker({
            id: `host-${index + 1}`,
            within: ["ip", "netns", "exec", name],
            flags: ["--concurrency", "4", "--lease", "2s"],
            env,
          }),
        );
        await Promise.all(started);
        const events: RunEvent[] = [];
        const backend = distributed({ connection: cluster.url, lease: 2 });
        const executor = new ParallelExecutor({
          backend,
          retries: 5,
          monitor: { observe: (event) => void events.push(event) },
        });
        // Long enough that each host has attempts when it is cut off, and ends them while it is.
        const list = Array.from({ length: 60 }, (_, index) => ({
          id: `t${index}`,
          run: worker(tasks, "waitAndNote"),
          with: { ms: 1500, note: join(cluster.folder, "ran") },
        }));
        const running = executor.executeTasks(list, { journal: join(cluster.folder, "journal") });
        await until(() => linesOf(join(cluster.folder, "ran")).length >= 8, "both hosts to work");
        ip("link", "set", hosts[0]!.link, "down");
        const healed = performance.now() + cutSeconds * 1000;
        await until(() => performance.now() > healed, "the time of the cut", cutSeconds + 10);
        ip("link", "set", hosts[0]!.link, "up");
        const results = await running;
        expect([...results.values()].filter(({ success }) => !success)).toEqual([]);
        const ended = events.filter((event) => event.type === "task-ended");
        expect(new Set(ended.map(({ taskId }) => taskId)).size).toBe(60);
        expect(ended).toHaveLength(60);
        const lost = events.filter((event) => event.type === "attempt-ended" && event.outcome === "lost");
        expect(lost.length).toBeGreaterThan(0);
        // What the cut-off host had finished meanwhile came late, and is counted where everybody can see it.
        const fenced = async () => (await readCluster({ connection: cluster.url })).counts.fenced ?? 0;
        await until(async () => (await fenced()) > 0, "late ends to be fenced off");
        const { stats } = backend;
        console.log(
          `partition of ${cutSeconds} s: ${lost.length} attempts lost, ${await fenced()} late ends fenced off, ${stats().fenced} of them by the coordinator`,
        );
        await executor.close();
      },
      patience + cutSeconds * 2000,
    );
  },
);
