/**
 * How fast a container is: by Docker's own command line, over the API made for the run, and started ahead of it. On a daemon
 * of the suite's own, with an image of this machine's packages. Needs root and `dockerd` (Debian: docker.io).
 */
import { spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { buildDockerImage } from "#src/sandbox/backend/docker/image/build-image.js";
import { SandboxManager } from "#src/sandbox.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import { hello, type Program, pandasSum } from "../sandbox/ways.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";

const ROUNDS = 15;
/** A spare is made behind a run; the next one is to find it there. */
const PAUSE_MS = 2500;
const IMAGE = "orchestrator-bench";

interface Way {
  readonly name: string;
  readonly label: string;
  run(program: Program): Promise<void>;
  close(): Promise<void>;
}

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const folder = mkdtempSync("/var/tmp/orchestrator-docker-bench-");
  const host = `unix://${join(folder, "docker.sock")}`;
  const daemon = await startDaemon(folder, host);
  const ways = [commandLine(host), sandboxes(host, false), sandboxes(host, true)].filter(
    ({ name }) => only.length === 0 || only.includes(name),
  );
  const times = new Map<string, number[]>();
  try {
    log("building an image of this machine's packages");
    await buildDockerImage({ name: IMAGE, host });
    for (const way of ways) for (const program of [hello, pandasSum]) await way.run(program);
    // Interleaved, so that a machine that is slower for a while is so for all.
    for (let round = 0; round < ROUNDS; round++)
      for (const program of [hello, pandasSum])
        for (const way of ways) {
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          const startedAt = performance.now();
          await way.run(program);
          const key = `${way.name} ${program.name}`;
          times.set(key, [...(times.get(key) ?? []), performance.now() - startedAt]);
        }
    for (const [key, measured] of times) log(`${key}: p50 ${median(measured).toFixed(0)} ms`);
  } finally {
    await Promise.all(ways.map((way) => way.close()));
    const ended = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
  return present(ways, times);
}

async function startDaemon(folder: string, host: string) {
  const log = openSync(join(folder, "log"), "w");
  const options = [
    `--host=${host}`,
    ...["data", "exec"].map((name) => `--${name}-root=${join(folder, name)}`),
    `--pidfile=${join(folder, "pid")}`,
    ...["--iptables=false", "--ip6tables=false", "--bridge=none"],
  ];
  const daemon = spawn("dockerd", options, { stdio: ["ignore", log, log] });
  const client = await DockerClient.open(host);
  for (let tries = 0; ; tries++) {
    try {
      await client.info();
      return daemon;
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** As a person would call it, with the limits that a container of ours has by flags. */
function commandLine(host: string): Way {
  const walls = [
    ...["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    ...["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "64", "--user", "65534:65534"],
    ...["--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m"],
  ];
  return {
    name: "command",
    label: "docker run, by the command line",
    run: ({ code }) =>
      new Promise((resolve, reject) => {
        const args = ["run", "--rm", ...walls, IMAGE, "/usr/bin/python3", "-c", code];
        const child = spawn("docker", args, { env: { ...process.env, DOCKER_HOST: host }, stdio: "ignore" });
        child.once("error", reject);
        child.once("exit", (exit) => (exit === 0 ? resolve() : reject(new Error(`docker run ended with ${exit}`))));
      }),
    close: async () => {},
  };
}

function sandboxes(host: string, warm: boolean): Way {
  const docker = { host, image: IMAGE, pull: "never" } as const;
  const manager = new SandboxManager({ defaults: { runtime: "docker", docker, warm } });
  return {
    name: warm ? "warm" : "cold",
    label: warm ? "the docker backend, started ahead" : "the docker backend, cold, over the API",
    async run({ code, allowedPackages }) {
      const result = await manager.executeCode(code, { language: "python" }, { allowedPackages });
      if (!result.success) throw new Error(`${result.verdict}: ${result.error?.message}`);
    },
    close: () => manager.close(),
  };
}

function present(ways: readonly Way[], times: ReadonlyMap<string, number[]>): SuiteResult {
  const cell = (key: string) => {
    const measured = times.get(key);
    return measured === undefined ? "" : `${median(measured).toFixed(0)} (${Math.min(...measured).toFixed(0)})`;
  };
  const table: Table = {
    title: "Latency, ms, p50 (min)",
    head: ["", hello.label, pandasSum.label],
    rows: ways.map(({ name, label }) => [label, cell(`${name} hello`), cell(`${name} pandas`)]),
  };
  const [command, warm] = [times.get("command pandas"), times.get("warm pandas")];
  const goals: Goal[] = [];
  if (command !== undefined && warm !== undefined) {
    const ratio = median(command) / median(warm);
    goals.push({
      what: "the pandas program in a container that was started ahead, beside docker run of the same",
      goal: "4 times as fast",
      measured: `${ratio.toFixed(1)} times`,
      met: ratio >= 4,
    });
  }
  const method =
    `dockerd from Debian with an image of this machine's packages; ${ROUNDS} interleaved rounds after one that is not counted, ` +
    `${PAUSE_MS / 1000} s between runs, so that a spare is there. Until the result is known and the container is removed.`;
  return { order: 7, title: "Containers", method, goals, tables: [table] };
}
