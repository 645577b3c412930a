/** The one command of docs/scaling.md. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { distributed, readCluster } from "#src/distributed.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { freePort } from "../support/redis-server.js";
import { present } from "../support/require-component.js";
import { patience, tasks, tasksFile, until } from "./cluster.js";

it.runIf(present("redis"))(
  "deploy/local-cluster.sh starts Redis and three workers, and ends them all",
  async () => {
    const port = await freePort();
    const script = fileURLToPath(new URL("../../deploy/local-cluster.sh", import.meta.url));
    const env = { ...process.env, ORCHESTRATOR_PORT: String(port) };
    const shell = spawn(script, [tasksFile], { stdio: ["ignore", "pipe", "inherit"], env });
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    let printed = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    await until(() => (printed.match(/ serves /g) ?? []).length === 3, "three workers");
    const connection = `redis://127.0.0.1:${port}`;
    expect((await readCluster({ connection })).workers.map(({ id }) => id).sort()).toEqual([
      "local-1",
      "local-2",
      "local-3",
    ]);
    await using executor = new ParallelExecutor({ backend: distributed({ connection }) });
    const results = await executor.executeTasks([{ id: "add", run: worker(tasks, "add"), with: { a: 1, b: 1 } }]);
    expect(results.get("add")?.output).toBe(2);
    await executor.close();
    shell.kill("SIGTERM");
    await ended;
    expect(printed.match(/ drains, /g)).toHaveLength(3);
    await expect(readCluster({ connection })).rejects.toThrow();
  },
  patience,
);
