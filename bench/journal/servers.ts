/** A Postgres and a Redis server of the bench's own, on free loopback ports, with their data in a temporary folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Server {
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * `undefined` where there is no Postgres. `flush` says whether a commit waits for the disk, as it does by default; without it,
 * what is committed outlives every process, and not a failure of power.
 */
export async function startPostgres(flush: boolean): Promise<Server | undefined> {
  const programs = postgresPrograms();
  if (programs === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "bench-postgres-"));
  // Postgres refuses to run as root.
  const user = process.getuid?.() === 0 ? idsOf("nobody") : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  execFileSync(join(programs, "initdb"), ["-D", data, "-U", "bench", "-A", "trust", "--no-sync"], {
    ...user,
    cwd: folder,
    stdio: "ignore",
  });
  const port = await freePort();
  const settings = flush ? [] : ["-c", "fsync=off", "-c", "synchronous_commit=off"];
  const args = ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, ...settings];
  const server = spawn(join(programs, "postgres"), args, { ...user, cwd: folder, stdio: "ignore" });
  await untilItAnswers(server, port);
  return { address: `postgresql://bench@127.0.0.1:${port}/bench_dbos_sys`, stop: () => stop(server, "SIGINT", folder) };
}

/** `undefined` where there is no redis-server. What it was told is appended to a file, flushed once a second, its own default. */
export async function startRedis(): Promise<Server | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "bench-redis-"));
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  const failed = await Promise.race([
    once(server, "error").then(() => true),
    untilItAnswers(server, port).then(() => false),
  ]);
  if (failed) {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
  return { address: String(port), stop: () => stop(server, "SIGTERM", folder) };
}

function postgresPrograms(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((left, right) => Number(right) - Number(left)) : [];
  const folders = [...versions.map((version) => join(root, version, "bin")), "/usr/local/bin", "/usr/bin"];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

function idsOf(name: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function stop(server: ChildProcess, signal: NodeJS.Signals, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function untilItAnswers(server: ChildProcess, port: number): Promise<void> {
  for (let left = 200; left > 0; left--) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const answered = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (answered) return;
    await delay(100);
  }
  throw new Error("the server does not answer");
}
