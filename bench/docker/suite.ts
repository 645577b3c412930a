/**
 * How fast a container is: by Docker's own command line, over the API made for the run, and started ahead of it. On a daemon
 * of the suite's own, with an image of this machine's packages. Needs root and `dockerd` (Debian: docker.io).
 */
import { SandboxManager } from "#src/sandbox.js";
import { type Fault, presentFaults } from "../faults/measure.js";
import { type DockerDaemon, startDockerDaemon } from "../lib/docker-daemon.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import { dockerRunWay, hello, pandasSum, type Way } from "../sandbox/ways.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { containerFaults } from "./faults.js";

const ROUNDS = 15;
/** A spare is made behind a run; the next one is to find it there. */
const PAUSE_MS = 2500;

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  await using daemon = await startDockerDaemon(log);
  const ways = [dockerRunWay(daemon), sandboxes(daemon, false), sandboxes(daemon, true)].filter(
    ({ name }) => only.length === 0 || only.includes(name),
  );
  const times = new Map<string, number[]>();
  try {
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
  }
  // Afterwards, because the spares of these ways would count as left behind.
  const faults = only.length === 0 || only.includes("faults") ? await containerFaults(daemon, log) : [];
  return present(ways, times, faults);
}

function sandboxes({ host, image }: DockerDaemon, warm: boolean): Way {
  const docker = { host, image, pull: "never" } as const;
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

function present(ways: readonly Way[], times: ReadonlyMap<string, number[]>, faults: readonly Fault[]): SuiteResult {
  const cell = (key: string) => {
    const measured = times.get(key);
    return measured === undefined ? "" : `${median(measured).toFixed(0)} (${Math.min(...measured).toFixed(0)})`;
  };
  const table: Table = {
    title: "Latency, ms, p50 (min)",
    head: ["", hello.label, pandasSum.label],
    rows: ways.map(({ name, label }) => [label, cell(`${name} hello`), cell(`${name} pandas`)]),
  };
  const [command, warm] = [times.get("docker pandas"), times.get("warm pandas")];
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
  const told = presentFaults(faults);
  return {
    order: 7,
    title: "Containers",
    method,
    goals: [...goals, ...told.goals],
    tables: [table, ...told.tables],
  };
}
