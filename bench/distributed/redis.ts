/** A Redis server from Debian on a free loopback port, append-only every second, with its data in a temporary folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

/** What this process has started: ended with it where it is told to end. */
const started = new Set<ChildProcess>();
process.once("SIGTERM", () => {
  for (const child of started) child.kill("SIGKILL");
  process.exit(1);
});

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
  started.add(child);
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

export interface Processes {
  /** Seconds of CPU that they have used so far; `undefined` where the system does not tell. */
  cpuSeconds(): number | undefined;
  stop(): Promise<void>;
}

/** Starts processes that print a line when they serve, and waits for all of those lines. */
export async function startProcesses(
  commands: readonly (readonly string[])[],
  environments: readonly Readonly<Record<string, string>>[] = [],
): Promise<Processes> {
  const children = commands.map((command, index) =>
    spawn(process.execPath, command, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...environments[index] },
    }),
  );
  for (const child of children) started.add(child);
  const failed = children.map(async (child) => {
    const [code] = await once(child, "exit");
    throw new Error(`a worker ended with ${code}`);
  });
  for (const failure of failed) failure.catch(() => {});
  await Promise.all(children.map((child, index) => Promise.race([once(child.stdout!, "data"), failed[index]])));
  for (const child of children) child.stdout!.resume();
  return {
    cpuSeconds: () => children.reduce<number | undefined>((sum, { pid }) => plus(sum, cpuSecondsOf(pid!)), 0),
    async stop() {
      const ended = children.map((child) => once(child, "exit"));
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(ended);
    },
  };
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

const ticksPerSecond = 100;

/** Of all its threads; Linux tells. */
function cpuSecondsOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return undefined;
  }
}
