/** Tail latency over three real HTTP servers, one of them ten times slower, beside the two fast ones alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { Agent, get } from "node:http";
import { fileURLToPath } from "node:url";
import { LoadBalancer } from "#src/optimize/balance/load-balancer.js";
import { type BalanceStrategy, balanceStrategies } from "#src/optimize/balance/strategies.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";

const fastMs = 10;
const slowMs = 100;
const callers = 16;
const calls = 3200;
const rounds = 5;
const goal = 1.5;

interface Server {
  readonly port: number;
  readonly process: ChildProcess;
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  /** Share of calls that the slow server got. */
  readonly slow: number;
}

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const servers = await Promise.all([fastMs, fastMs, slowMs].map(startServer));
  const ports = servers.map(({ port }) => port);
  const fast = ports.slice(0, 2);
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  try {
    // Connections and compiled code are there before anything counts.
    for (const port of ports) await Promise.all(Array.from({ length: callers }, () => request(agent, port)));
    const rows: string[][] = [];
    const alone: Measured[] = [];
    const all: Measured[] = [];
    // In turns, so that whatever else the machine does falls on both.
    for (let round = 0; round < rounds; round++) {
      alone.push(await measure(agent, "latency", fast));
      all.push(await measure(agent, "latency", ports));
    }
    const ratio = median(all.map(({ p99 }, round) => p99 / alone[round]!.p99));
    log(`latency: p99 ${middle(all).p99.toFixed(1)} ms beside ${middle(alone).p99.toFixed(1)} ms`);
    rows.push(
      ["latency", "the two fast ones", ...cells(middle(alone))],
      ["latency", "all three", ...cells(middle(all))],
    );
    for (const strategy of balanceStrategies) {
      if (strategy === "latency" || (only.length > 0 && !only.includes(strategy))) continue;
      const measured = await measure(agent, strategy, ports);
      rows.push([strategy, "all three", ...cells(measured)]);
      log(`${strategy}: p99 ${measured.p99.toFixed(1)} ms`);
    }
    return {
      order: 8,
      title: "Balance",
      method: `${calls} calls by ${callers} callers at once to HTTP servers in processes of their own on this machine, which answer after ${fastMs}, ${fastMs} and ${slowMs} ms; "latency" is the median of ${rounds} rounds, in turns with and without the slow one; each round begins with a balancer that knows nothing.`,
      goals: [
        {
          what: "p99 over all three by expected latency, beside the two fast ones alone",
          goal: `at most ${goal} times`,
          measured: `${ratio.toFixed(2)} times`,
          met: ratio <= goal,
        },
      ],
      tables: [
        {
          title: "Latency in milliseconds",
          head: ["strategy", "endpoints", "p50", "p99", "calls to the slow one"],
          rows,
        },
      ],
    };
  } finally {
    agent.destroy();
    for (const server of servers) server.process.disconnect();
  }
}

const cells = ({ p50, p99, slow }: Measured): string[] => [
  p50.toFixed(1),
  p99.toFixed(1),
  `${(slow * 100).toFixed(1)} %`,
];

function middle(measured: readonly Measured[]): Measured {
  const of = (field: keyof Measured): number => median(measured.map((one) => one[field]));
  return { p50: of("p50"), p99: of("p99"), slow: of("slow") };
}

async function measure(agent: Agent, strategy: BalanceStrategy, ports: readonly number[]): Promise<Measured> {
  const endpoints = ports.map((port) => ({ id: `${port}`, target: port }));
  const balancer = new LoadBalancer({ strategy, endpoints });
  const latencies: number[] = [];
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let call = 0; call < calls / callers; call++) {
        const startedAt = performance.now();
        await balancer.run((port) => request(agent, port));
        latencies.push(performance.now() - startedAt);
      }
    }),
  );
  latencies.sort((left, right) => left - right);
  const quantile = (share: number): number => latencies[Math.ceil(latencies.length * share) - 1]!;
  const slow = (balancer.endpoints[2]?.calls ?? 0) / latencies.length;
  return { p50: quantile(0.5), p99: quantile(0.99), slow };
}

function request(agent: Agent, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ agent, host: "127.0.0.1", port }, (response) => {
      response.resume().once("end", resolve).once("error", reject);
    }).once("error", reject);
  });
}

async function startServer(delayMs: number): Promise<Server> {
  const script = fileURLToPath(new URL("./server.js", import.meta.url));
  const child = spawn(process.execPath, [script, `${delayMs}`], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    child.stdout!.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
  });
  return { port, process: child };
}
