/** Redis that is not there, does not let one in, or comes late: what coordinators and workers say, and that they end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { distributed, readCluster, startWorker } from "#src/distributed.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { freePort, startRedis } from "../support/redis-server.js";
import { present } from "../support/require-component.js";
import { orchestrator, patience, tasks, tasksFile, until } from "./cluster.js";

const options = { timeout: patience };

it.runIf(present("redis"))(
  "a wrong password ends a run, a worker and a look at the cluster, and says so",
  options,
  async () => {
    const redis = await startRedis({ args: ["--user", "default", "on", ">right", "~*", "&*", "+@all"] });
    onTestFinished(() => redis.stop());
    const wrong = `redis://:wrong@127.0.0.1:${redis.port}`;
    const refused = {
      code: "REDIS_UNAVAILABLE",
      message: expect.stringContaining("refuses this user name or password"),
    };
    await expect(readCluster({ connection: wrong })).rejects.toMatchObject(refused);
    await expect(startWorker({ connection: wrong, tasks: [tasksFile] })).rejects.toMatchObject(refused);
    await using executor = new ParallelExecutor({ backend: distributed({ connection: wrong }) });
    // The second time it tries anew.
    for (let time = 0; time < 2; time++) {
      const results = await executor.executeTasks([{ id: "t", run: worker(tasks, "nothing") }]);
      expect(results.get("t")).toMatchObject({ status: "failed", error: refused });
      expect(results.get("t")!.error!.message).not.toContain("wrong@");
    }
  },
);

it.runIf(present("redis"))(
  "a worker that is there before Redis says that it waits, and serves when Redis comes",
  options,
  async () => {
    const port = await freePort();
    const args = [orchestrator, "worker", "--connection", `redis://127.0.0.1:${port}`, "--tasks", tasksFile];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (printed += text));
    await until(() => printed.includes("tried again until it answers"), "the worker to say that it waits");
    expect(printed).toMatch(new RegExp(`^worker: cannot reach Redis at 127.0.0.1:${port}: `));
    const redis = await startRedis({ port });
    onTestFinished(() => redis.stop());
    await until(() => printed.includes(" serves default"), "the worker to serve");
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  },
);
