/**
 * What must hold after every hostile program: the call is over in time, nothing of it is alive or left behind, the
 * supervisor did not grow, a good program right after works, and no secret of the host was seen or touched.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { SandboxExecutionResult } from "#src/model/sandbox.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What of the host is counted before and after a program. */
export interface Footprint {
  readonly processes: readonly string[];
  readonly cgroups: readonly string[];
  readonly mounts: string;
  readonly folders: readonly string[];
  readonly descriptors: number;
}

const usersPerBlock = 4096;

/** The numbers that this process gives to its runs; none where it is no root. */
function ownUsers(): (uid: number) => boolean {
  const folder = "/run/orchestrator-sandbox-users";
  try {
    const isOwn = (name: string) => readFileSync(join(folder, name), "latin1").split(" ")[1] === String(process.pid);
    const blocks = readdirSync(folder).filter(isOwn).map(Number);
    return (uid) => blocks.some((first) => uid >= first && uid < first + usersPerBlock);
  } catch {
    return () => false;
  }
}

/** Processes of runs' own users, and of this process's own user if they belong to a sandbox. Zombies are not alive. */
function sandboxProcesses(): string[] {
  const found: string[] = [];
  const isRunUser = ownUsers();
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      if (stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) === "Z") continue;
      const { uid } = statSync(`/proc/${pid}`);
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
      const isWall = command.includes("keeper") || command[0]?.endsWith("bwrap") === true;
      if (isRunUser(uid) || (isWall && isDescendant(Number(pid))))
        found.push(`${pid} ${command.slice(0, 4).join(" ")}`);
    } catch {
      // Gone meanwhile.
    }
  }
  return found;
}

function isDescendant(pid: number): boolean {
  for (let current = pid; current > 1; ) {
    if (current === process.pid) return true;
    const stat = readFileSync(`/proc/${current}/stat`, "latin1");
    current = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  return false;
}

function cgroups(): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const isOwn = new RegExp(`^oe-\\d+-${process.pid}-\\d+-\\d+-sandbox`).test(entry.name);
      if (isOwn) found.push(join(folder, entry.name));
      else if (depth < 6) walk(join(folder, entry.name), depth + 1);
    }
  };
  try {
    walk("/sys/fs/cgroup", 0);
  } catch {
    // A group that went away while it was looked at.
  }
  return found;
}

export function footprint(): Footprint {
  collectGarbage();
  // The supervisor's own folder stays as long as the supervisor; nothing may be added to it.
  const own = [tmpdir(), "/run", "/tmp"].flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => name.startsWith("orchestrator-sandbox-") && name.includes(`-${process.pid}-`))
      .map((name) => join(parent, name)),
  );
  const folders = [...new Set(own)].flatMap((folder) => [folder, ...readdirSync(folder)]).sort();
  return {
    processes: sandboxProcesses(),
    cgroups: cgroups(),
    mounts: mountsOfSandboxes(),
    folders,
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/**
 * Mounts of this namespace without those of containers, which other tests start and end meanwhile. Ids and peer groups say
 * nothing.
 */
function mountsOfSandboxes(): string {
  const lines = readFileSync("/proc/self/mountinfo", "latin1").split("\n");
  const own = lines.filter((line) => !/ - (?:overlay|nsfs) |docker|containerd/.test(line));
  return own.map((line) => line.split(" ").slice(2, 6).join(" ")).join("\n");
}

/** Secrets planted where a program would look for them, and doors that it might knock at. */
export class Canary implements AsyncDisposable {
  readonly secret = `canary-${randomUUID()}`;
  connections = 0;
  readonly #home = mkdtempSync(join(homedir(), ".canary-"));
  readonly #servers: Server[] = [];

  static async plant(): Promise<Canary> {
    const canary = new Canary();
    process.env.SBX_CANARY = canary.secret;
    writeFileSync(join(canary.#home, "secret"), canary.secret);
    await canary.#listen({ path: "\0sbx-canary" });
    await canary.#listen({ port: 6390, host: "127.0.0.1" });
    return canary;
  }

  /** A path of the host that holds the secret. */
  get file(): string {
    return join(this.#home, "secret");
  }

  shows(result: SandboxExecutionResult): boolean {
    const seen = JSON.stringify([
      result.stdout,
      result.stderr,
      result.value,
      result.error?.message,
      result.error?.traceback,
    ]);
    const inArtifacts = result.artifacts.some((artifact) => Buffer.from(artifact.bytes).includes(this.secret));
    return inArtifacts || seen.includes(this.secret);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    delete process.env.SBX_CANARY;
    rmSync(this.#home, { recursive: true, force: true });
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #listen(where: { path: string } | { port: number; host: string }): Promise<void> {
    const server = createServer((socket) => {
      this.connections++;
      socket.destroy();
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        // Another test process holds the door; what knocks there is counted by it.
        if (error.code === "EADDRINUSE") resolve();
        else reject(error);
      });
      server.listen(where, resolve);
    });
  }
}
