/** A cluster of a test's own: a Redis server and workers, each a process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "../support/redis-server.js";

export const tasks = new URL("./modules/tasks.mjs", import.meta.url);
export const tasksFile = fileURLToPath(tasks);
export const orchestrator = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface WorkerProcess {
  readonly id: string;
  readonly pid: number;
  /** What it printed so far. */
  printed(): string;
  kill(signal?: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export interface WorkerArguments {
  readonly id?: string;
  readonly tasks?: readonly string[];
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command: `["ip", "netns", "exec", name]`. */
  readonly within?: readonly string[];
}

export interface Cluster extends AsyncDisposable {
  redis: RedisServer;
  readonly url: string;
  /** A folder of its own, removed at the end. */
  readonly folder: string;
  /** Starts a worker and waits until it serves. */
  worker(given?: WorkerArguments): Promise<WorkerProcess>;
  /** Has the server come back after `redis.kill()`, with its data. */
  restartRedis(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Milliseconds for a whole test: a dozen processes start in some of them, and where a machine is shared each may take a while.
 * A test that hangs is found by `until`, which says what it waited for.
 */
export const patience = 300_000;
const untilSeconds = 120;

let workers = 0;

export async function startCluster(redisArguments: readonly string[] = []): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-cluster-"));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "everysec", ...redisArguments];
  const redis = await startRedis({ args });
  // From their start on, so that one that is still coming up is ended too.
  const running = new Set<ChildProcess>();
  const cluster: Cluster = {
    redis,
    url: redis.url,
    folder,
    async worker(given = {}) {
      return startWorkerProcess(given.env?.ORCHESTRATOR_REDIS ?? redis.url, given, (child) => {
        running.add(child);
        child.once("exit", () => running.delete(child));
      });
    },
    async restartRedis() {
      await cluster.redis.stop();
      cluster.redis = await startRedis({ port: redis.port, args });
    },
    async stop() {
      const ended = [...running].map((child) => once(child, "exit"));
      for (const child of running) child.kill("SIGKILL");
      await Promise.all(ended);
      await redis.stop();
      await cluster.redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
  return cluster;
}

async function startWorkerProcess(
  url: string,
  given: WorkerArguments,
  onSpawn: (child: ChildProcess) => void,
): Promise<WorkerProcess> {
  const { id = `worker-${++workers}`, tasks: modules = [tasksFile], flags = [], env, within = [] } = given;
  const command = [
    ...within,
    process.execPath,
    orchestrator,
    "worker",
    "--id",
    id,
    ...modules.flatMap((file) => ["--tasks", file]),
    ...flags,
  ];
  const child: ChildProcess = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ORCHESTRATOR_REDIS: url, ...env },
  });
  onSpawn(child);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  let printed = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text) => (printed += text));
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown")),
  );
  const worker: WorkerProcess = {
    id,
    pid: child.pid!,
    printed: () => printed,
    kill: (signal = "SIGKILL") => void child.kill(signal),
    ended,
  };
  await until(() => printed.includes(" serves ") || isOver(), `worker ${id} to serve`);
  if (isOver()) throw new Error(`worker ${id} ended with ${child.exitCode ?? child.signalCode}: ${printed}`);
  return worker;
}

/** Waits for something outside of this process to become true. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  deadlineSeconds = untilSeconds,
): Promise<void> {
  const deadline = performance.now() + deadlineSeconds * 1000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineSeconds} s for ${what}`);
    await delay(20);
  }
}

/** Lines of a file that tasks write to. */
export function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
