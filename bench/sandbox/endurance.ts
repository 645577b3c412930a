/**
 * Runs after runs in one process, and what of the host it holds at the beginning and at the end. Prints one line of JSON.
 *
 *     node endurance.js COUNT
 */
import { readdirSync, readFileSync } from "node:fs";
import { SandboxExecutor } from "#src/sandbox.js";
import { hello } from "./ways.js";

export interface Holding {
  readonly residentMib: number;
  readonly heapMib: number;
  readonly descriptors: number;
  readonly cgroups: number;
  readonly mounts: number;
  readonly processes: number;
}

export interface Endurance {
  readonly runs: number;
  readonly failed: number;
  readonly seconds: number;
  readonly before: Holding;
  readonly after: Holding;
}

const runs = Number(process.argv[2]);
const warmUp = 200;
const clients = 2;

await using executor = new SandboxExecutor({ runtime: "process" });
let failed = 0;
await repeat(warmUp);
const before = await settledHolding();
const startedAt = performance.now();
await repeat(runs);
const seconds = (performance.now() - startedAt) / 1000;
const result: Endurance = { runs, failed, seconds, before, after: await settledHolding() };
console.log(JSON.stringify(result));

async function repeat(count: number): Promise<void> {
  let started = 0;
  const client = async () => {
    while (started++ < count) {
      const { success, output } = await executor.executeCode(hello.code, { language: "python" });
      if (!success || output !== "hello\n") failed++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** Spares are made anew in the background: looked at when they are all there again. */
async function settledHolding(): Promise<Holding> {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    residentMib: Math.round(rss / 2 ** 20),
    heapMib: Math.round(heapUsed / 2 ** 20),
    descriptors: readdirSync("/proc/self/fd").length,
    cgroups: count("/sys/fs/cgroup", 6),
    mounts: readFileSync("/proc/self/mountinfo", "latin1").split("\n").length,
    processes: descendants(process.pid),
  };
}

function count(folder: string, depth: number): number {
  let groups = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    try {
      if (new RegExp(`^oe-\\d+-${process.pid}-`).test(entry.name)) groups++;
      else if (depth > 0) groups += count(`${folder}/${entry.name}`, depth - 1);
    } catch {
      // Somebody else's group went away while it was looked at.
    }
  }
  return groups;
}

function descendants(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean);
    return children.reduce((sum, child) => sum + 1 + descendants(Number(child)), 0);
  } catch {
    return 0;
  }
}
