/** What a fork server imports ahead, and what it had better not. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ProcessBackend } from "#src/sandbox/backend/process/process-backend.js";
import { ForkLauncher } from "#src/sandbox/backend/process/warm/fork-launcher.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { python } from "#src/sandbox/language/index.js";
import type { LaunchRecipe } from "#src/sandbox/recipe.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";

const modules: Readonly<Record<string, string>> = {
  good: "import random\nstate = []\ndrawn = random.random()",
  threaded: "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
  raising: "raise RuntimeError('not here')",
  leaving: "import sys\nsys.exit(0)",
  loud: "import os, sys\nprint('noise')\nprint('noise', file=sys.stderr)\nos.environ['NOISE'] = '1'",
};

const config = resolveSandboxConfig({ onUnsupported: ["memoryLimit", "cpuQuota"] });
const folder = mkdtempSync(join(tmpdir(), "preload-"));
const backend = new ProcessBackend();
const launcher = new ForkLauncher({ maximumServers: 2, idleMs: 60_000, maximumForks: 3, serverMemoryBytes: 2 ** 30 });
let recipe: LaunchRecipe;

beforeAll(async () => {
  chmodSync(folder, 0o755); // The users of runs are nobody here.
  for (const [name, source] of Object.entries(modules)) writeFileSync(join(folder, `${name}.py`), source);
  const prepared = await backend.prepare(config, python);
  const shown = { type: "read-only", source: folder, target: "/usr/lib/python3/dist-packages" } as const;
  recipe = { ...prepared.recipe, mounts: [...prepared.recipe.mounts, shown], preload: Object.keys(modules) };
});

afterAll(async () => {
  await launcher.close();
  await backend.close();
  rmSync(folder, { recursive: true });
});

async function run(code: string) {
  const alive = setInterval(() => {}, 1000);
  try {
    const sandbox = await launcher.launch(recipe);
    const settings = { limits: config.limits, startedAt: performance.now() };
    return await runCode(sandbox, resolveCodeRequest(code), settings);
  } finally {
    clearInterval(alive);
  }
}

test("what can be imported ahead is; what fails or starts a thread is left to the runs, as if cold", async () => {
  const result = await run(`
import sys, os
loaded = sorted(name for name in ("good", "threaded", "raising", "leaving", "loud") if name in sys.modules)
tried = {}
for name in ("good", "threaded", "raising", "leaving"):
    try:
        __import__(name); tried[name] = "imported"
    except BaseException as error:
        tried[name] = type(error).__name__
result = [loaded, tried, os.environ.get("NOISE")]`);
  expect(result.stderr).toBe("");
  expect(result.stdout).toBe("");
  expect(result.value).toEqual([
    ["good", "loud"],
    { good: "imported", threaded: "imported", raising: "RuntimeError", leaving: "SystemExit" },
    null,
  ]);
});

test("a module's state is every run's own", async () => {
  expect((await run("import good\ngood.state.append(1)\nresult = good.state")).value).toEqual([1]);
  expect((await run("import good\ngood.state.append(2)\nresult = good.state")).value).toEqual([2]);
});

test("after so many forks the server is a new one, with another hash seed", async () => {
  const seeds = new Set<unknown>();
  for (let round = 0; round < 8; round++) seeds.add((await run("result = hash('seed')")).value);
  // Forks of one server share its seed; eight runs of three forks each had at least two servers.
  expect(seeds.size).toBeGreaterThanOrEqual(2);
  expect(seeds.size).toBeLessThan(8);
});
