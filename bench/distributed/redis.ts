/** A Redis server from Debian on a free loopback port, append-only every second, with its data in a temporary folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

export interface BenchRedis {
  readonly port: number;
  readonly url: string;
  readonly client: Redis;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<BenchRedis> {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-redis-"));
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  const child: ChildProcess = spawn("redis-server", args, { stdio: "ignore" });
  const client = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on("error", () => {});
  await client.ping();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client,
    async stop() {
      client.disconnect();
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Starts processes that print a line when they serve, and waits for all of those lines. */
export async function startProcesses(commands: readonly (readonly string[])[]): Promise<() => Promise<void>> {
  const children = commands.map((command) =>
    spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] }),
  );
  const failed = children.map(async (child) => {
    const [code] = await once(child, "exit");
    throw new Error(`a worker ended with ${code}`);
  });
  for (const failure of failed) failure.catch(() => {});
  await Promise.all(children.map((child, index) => Promise.race([once(child.stdout!, "data"), failed[index]])));
  for (const child of children) child.stdout!.resume();
  return async () => {
    const ended = children.map((child) => once(child, "exit"));
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(ended);
  };
}
