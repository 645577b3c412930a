/**
 * A supervisor at work: graphs with functions, threads, processes and commands, caches, journals, retries, sandboxes good
 * and hostile, sessions. Every answer is checked. Every so often it comes to rest, and prints what it holds then.
 *
 *     node --expose-gc load.mjs SECONDS
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, ParallelExecutor, subprocess, TaskCache, worker } from "#src/index.js";
import { SandboxManager } from "#src/sandbox.js";

const seconds = Number(process.argv[2]);
/** Rests in all. The first ones are of a program that is still warming up. */
const rests = seconds < 60 ? 4 : 12;
const tasksModule = new URL("./tasks.mjs", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "soak-"));
process.env.TMPDIR = folder;

const manager = new SandboxManager({
  maxConcurrent: 3,
  defaults: { timeLimit: 60, onUnsupported: ["memoryLimit", "cpuQuota"] },
});
const executor = new ParallelExecutor({ maxWorkers: 2, maxConcurrentTasks: 12 });
const done = { graphs: 0, tasks: 0, sandboxes: 0, hostile: 0, pieces: 0 };

/** A graph of every kind of task, whose answer is known. */
async function graph(number) {
  const cache = new TaskCache({ directory: join(folder, "cache"), maxDisk: "4MB" });
  const journal = join(folder, `runs-${number}`);
  let failures = 0;
  const tasks = [
    { id: "numbers", run: () => Array.from({ length: 100 }, (_, index) => index + number) },
    { id: "thread", inputs: { values: "numbers" }, run: worker(tasksModule, "sum") },
    { id: "process", inputs: { values: "numbers" }, run: subprocess(tasksModule, "sum") },
    { id: "program", run: command(["wc", "-c"], { stdin: "x".repeat(1000), output: "text" }) },
    {
      id: "flaky",
      dependsOn: ["numbers"],
      retries: { attempts: 3, delay: "1ms" },
      run: () => {
        if (failures++ < 2) throw new Error("not yet");
        return failures;
      },
    },
    {
      id: "slow",
      timeout: "5ms",
      run: (_, { signal }) => new Promise((settle) => signal.addEventListener("abort", settle)),
    },
    { id: "never", dependsOn: ["slow"], run: () => 1 },
    ...Array.from({ length: 50 }, (_, index) => ({
      id: `cached-${index}`,
      with: { index: index % 20, round: number % 30 },
      cache: { version: 1 },
      run: ({ index: value, round }) => ({ text: "y".repeat(500), value, round }),
    })),
  ];
  const runner = new ParallelExecutor({ cache, maxConcurrentTasks: 12 });
  try {
    const results = await runner.executeTasks(tasks.filter(({ id }) => /^cached/.test(id)));
    assert.equal(results.get("cached-7").output.value, 7);
    const run = executor.run(
      tasks.filter(({ id }) => !/^cached/.test(id)),
      { journal, runId: `run-${number}` },
    );
    const ended = await run.results;
    const sum = 4950 + 100 * number;
    assert.equal(ended.get("thread").output, sum, ended.get("thread").error?.message);
    assert.equal(ended.get("process").output, sum, ended.get("process").error?.message);
    assert.equal(Number(ended.get("program").output), 1000);
    assert.equal(ended.get("flaky").output, 3);
    assert.equal(ended.get("slow").status, "timed-out");
    assert.equal(ended.get("never").status, "skipped");
    done.tasks += results.size + ended.size;
  } finally {
    await runner.close();
    await cache.close();
    rmSync(journal, { recursive: true, force: true });
  }
  done.graphs++;
}

const languages = {
  python: (number) => `import json\nopen("left", "w").write("x" * 100)\nprint(json.dumps(${number} * 3))`,
  javascript: (number) => `console.log(${number} * 3)`,
  bash: (number) => `echo $((${number} * 3))`,
};

async function sandbox(number) {
  const language = Object.keys(languages)[number % 4 === 3 ? 0 : number % 4];
  const result = await manager.executeCode(languages[language](number), { language });
  const { output, error } = result;
  assert.equal(output, `${number * 3}\n`, error?.message ?? JSON.stringify(result));
  done.sandboxes++;
}

const attacks = [
  ["python", "while True: pass", { timeLimit: 0.5 }, ["timeout"]],
  [
    "python",
    "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    { timeLimit: 1, processLimit: 16 },
    ["timeout"],
  ],
  ["bash", "(setsid sleep 600 &) ; yes", {}, ["output-limit"]],
  ["javascript", "process.kill(process.pid, 'SIGSEGV')", {}, ["killed"]],
  ["python", "open('/tmp/x', 'wb').write(b'x' * (100 << 20))", {}, ["disk-limit", "memory-limit"]],
  ["python", "import os, socket\nos.close(1000)\nos.kill(0, 9)", {}, ["killed"]],
];

async function hostile(number) {
  const [language, code, config, verdicts] = attacks[number % attacks.length];
  const { verdict, error } = await manager.executeCode(code, { language }, config);
  assert.ok(verdicts.includes(verdict), `${code}: ${verdict}: ${error?.message}`);
  done.hostile++;
}

async function session(number) {
  const kept = await manager.createSession({ language: "python" });
  try {
    await kept.executeCode(`total = ${number}`);
    await kept.putFile("given.txt", "given");
    assert.equal((await kept.executeCode("total + len(open('given.txt').read())")).value, number + 5);
  } finally {
    await kept.close();
  }
  done.pieces += 3;
}

let next = 0;

/** One after the other, the kinds in turn: what is wanted is hours of everything, not a record. */
async function client(milliseconds) {
  const until = performance.now() + milliseconds;
  do {
    const number = next++;
    await graph(number);
    for (let run = 0; run < 6; run++) await sandbox(number + run);
    await hostile(number);
    await session(number);
  } while (performance.now() < until);
}

function descendants(pid) {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").split(" ").filter(Boolean),
    );
    return children.reduce((sum, child) => sum + 1 + descendants(child), 0);
  } catch {
    return 0;
  }
}

function cgroups(parent, depth = 6) {
  let count = 0;
  try {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      if (new RegExp(`^oe-\\d+-${process.pid}-`).test(entry.name)) count++;
      else if (depth > 0) count += cgroups(join(parent, entry.name), depth - 1);
    }
  } catch {
    // Somebody else's group went away while it was looked at.
  }
  return count;
}

/** Without those of containers, which others start and end meanwhile. */
function mounts() {
  const lines = readFileSync("/proc/self/mountinfo", "latin1").split("\n");
  return lines.filter((line) => !/ - (?:overlay|nsfs) |docker|containerd/.test(line)).length;
}

function holding() {
  for (let round = 0; round < 3; round++) globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    descriptors: readdirSync("/proc/self/fd").length,
    processes: descendants(process.pid),
    cgroups: cgroups("/sys/fs/cgroup"),
    mounts: mounts(),
    files: readdirSync(folder).length,
  };
}

/** The smallest of each that is seen: spares come and go in the background. */
async function rest() {
  let least;
  for (let look = 0; look < 12; look++) {
    await new Promise((settle) => setTimeout(settle, 250));
    const now = holding();
    least = Object.fromEntries(
      Object.entries(now).map(([name, value]) => [name, Math.min(value, least?.[name] ?? value)]),
    );
  }
  return least;
}

const started = performance.now();
for (let number = 0; number < rests; number++) {
  await Promise.all([client((1000 * seconds) / rests), client((1000 * seconds) / rests)]);
  console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, ...done, ...(await rest()) }));
}
await executor.close();
await manager.close();
rmSync(folder, { recursive: true, force: true });
console.log(JSON.stringify({ closed: true, processes: descendants(process.pid), cgroups: cgroups("/sys/fs/cgroup") }));
