/**
 * A Redis server of a test's own, on a free loopback port, with its data in a temporary folder:
 *
 *     describe.runIf(present("redis"))("shared tier", () => {
 *       let redis: RedisServer;
 *       beforeAll(async () => { redis = await startRedis(); });
 *       afterAll(() => redis.stop());
 *     });
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pid: number;
  /** Ends the server at once, as a crash would. */
  kill(): Promise<void>;
  /** Ends the server and removes its data. Idempotent. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** Default: a free one. Give the port of a server that was killed to have it come back. */
  readonly port?: number;
  /** Further arguments of redis-server: `["--maxmemory", "10mb"]`. */
  readonly args?: readonly string[];
}

/** `ORCHESTRATOR_REDIS_SERVER=valkey-server` runs the tests with Valkey. */
export const program = process.env.ORCHESTRATOR_REDIS_SERVER ?? "redis-server";
const startSeconds = 60;

export async function startRedis({ port, args = [] }: RedisOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "orchestrator-redis-"));
  // Between finding a port and the server's taking it, another may have taken it.
  for (let attempt = 1; ; attempt++) {
    const chosen = port ?? (await freePort());
    const child = spawnRedis(chosen, folder, args);
    if (await answers(child, chosen)) return serverOf(child, chosen, folder);
    child.kill("SIGKILL");
    if (port !== undefined || attempt === 5) throw new Error(`redis-server does not answer on port ${chosen}`);
  }
}

function spawnRedis(port: number, folder: string, args: readonly string[]): ChildProcess {
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  return spawn(program, [...options, ...args], { stdio: "ignore" });
}

function serverOf(child: ChildProcess, port: number, folder: string): RedisServer {
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  // A test that fails must not leave a server behind.
  const atExit = (): void => void child.kill("SIGKILL");
  process.once("exit", atExit);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid!,
    kill: () => kill("SIGKILL"),
    async stop() {
      process.removeListener("exit", atExit);
      await kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = performance.now() + startSeconds * 1000;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (await pong(port)) return true;
    await delay(20);
  }
  return false;
}

function pong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once("error", () => done(false));
    socket.once("data", (data) => done(/^(\+PONG|-NOAUTH)/.test(data.toString())));
  });
}

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
