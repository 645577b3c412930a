/** Situations of this backend that no single program makes: supervisors that die, stall or leak, throttles. What every backend must survive is in `../conformance/`. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { remainsOf } from "../remains.js";
import { endSupervisors, startSupervisor } from "../supervisor.js";

const executor = new ProcessSandboxExecutor({ timeLimit: 20, warm: false });
const warmExecutor = new ProcessSandboxExecutor({ timeLimit: 20, onUnsupported: ["memoryLimit", "cpuQuota"] });
afterEach(endSupervisors);
afterAll(() => Promise.all([executor.close(), warmExecutor.close()]));

describe("the host", () => {
  test.each([
    ["cold", executor],
    ["warm", warmExecutor],
  ])("keeps its kernel settings, even where the supervisor is root, %s", async (start, of) => {
    const settings = ["core_pattern", "hostname", "threads-max"];
    const before = settings.map((name) => readFileSync(`/proc/sys/kernel/${name}`, "latin1"));
    const run = await of.executeCode(
      `for name in ${JSON.stringify(settings)}:
  try:
    open("/proc/sys/kernel/" + name, "w").write("x")
    print("WROTE", name)
  except OSError as error: pass`,
    );
    expect(run.output).toBe("");
    expect(run.warm).toBe(start === "warm");
    expect(settings.map((name) => readFileSync(`/proc/sys/kernel/${name}`, "latin1"))).toEqual(before);
  });

  test("is not a user's: everything inside runs as nobody on the host", async () => {
    const run = await executor.executeCode(
      "cat /proc/self/uid_map; id -u; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status",
      {
        language: "bash",
      },
    );
    const [map, user, ...status] = run.output.trim().split("\n");
    expect(map!.trim().split(/\s+/)[0]).toBe("1000");
    expect(user).toBe("1000");
    expect(status.join("\n")).toBe(
      `${["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}:\t0000000000000000`).join("\n")}\nNoNewPrivs:\t1\nSeccomp:\t2`,
    );
  });

  test("keeps descriptors that the supervisor has inherited", async () => {
    const child = startSupervisor(
      `const executor = new ProcessSandboxExecutor({ warm: false });
       const run = await executor.executeCode("import os\\nprint(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd) or True))");
       console.log("descriptors " + run.output);
       await executor.close();`,
      { stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"] },
    );
    // 0, 1, 2, the folder that is being listed, and the channel far beyond.
    expect(await child.line("descriptors")).toBe("[0, 1, 2, 3, 1000]");
    await child.ended;
  });
});

describe("a supervisor", () => {
  const patience = { timeout: 10_000 };
  const sleeper = `const executor = new ProcessSandboxExecutor({ timeLimit: 60, warm: false });
    executor.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(60)", { onStdout: () => console.log("up") });`;

  test("that is killed takes its sandboxes with it", async () => {
    const child = startSupervisor(sleeper);
    await child.line("up");
    expect(remainsOf(child.pid)).not.toEqual([]);
    child.kill();
    await expect.poll(() => remainsOf(child.pid), patience).toEqual([]);
  });

  test("that ends in the middle of a run leaves nothing", async () => {
    const child = startSupervisor(sleeper.replace('console.log("up")', "process.exit(0)"));
    await child.ended;
    await expect.poll(() => remainsOf(child.pid), patience).toEqual([]);
  });

  test("whose keeper is killed fails the run, and leaves nothing of it", async () => {
    const child = startSupervisor(
      `const executor = new ProcessSandboxExecutor({ timeLimit: 60, warm: false });
       const run = await executor.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(60)", { onStdout: () => console.log("up") });
       console.log("verdict " + run.verdict);
       setInterval(() => {}, 1000);`,
    );
    await child.line("up");
    const verdict = child.line("verdict");
    // The keeper is the parent of the init; both have the launcher's script in their command lines.
    const [keeper] = remainsOf(child.pid)
      .filter(isKeeper)
      .map(Number)
      .sort((left, right) => left - right);
    process.kill(keeper!, "SIGKILL");
    expect(await verdict).toMatch(/^(sandbox-failure|killed)$/);
    await expect.poll(() => remainsOf(child.pid).filter((remain) => /^\d+$/.test(remain)), patience).toEqual([]);
    child.kill();
    await child.ended;
  });

  test("that stalls does not lengthen a run", async () => {
    // It blocks its event loop as soon as the code is up, for much longer than the limit.
    const child = startSupervisor(
      `const executor = new ProcessSandboxExecutor({ timeLimit: 1.5, warm: false });
       const block = () => { console.log("stalled"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000); };
       const run = await executor.executeCode("print(1, flush=True)\\nwhile True: pass", { onStdout: () => process.nextTick(block) });
       console.log("verdict " + run.verdict); await executor.close();`,
    );
    await child.line("stalled");
    const driver = () => remainsOf(child.pid).filter((pid) => isDriver(pid));
    await expect
      .poll(driver, { timeout: 8000, message: "the code is dead while the supervisor is still stalled" })
      .toEqual([]);
    expect(child.isRunning).toBe(true);
    expect(await child.line("verdict")).toBe("timeout");
    await child.ended;
  });
});

function isKeeper(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("scratch=$1 disk=$2");
  } catch {
    return false;
  }
}

function isDriver(pid: string): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
    return command.includes("driver.py") && !command.includes("keeper");
  } catch {
    return false;
  }
}

test("descriptors do not pile up", async () => {
  await executor.executeCode("1");
  const first = await settledDescriptor();
  for (let round = 0; round < 10; round++) await executor.executeCode("1");
  expect((await settledDescriptor()) - first).toBeLessThan(4);
});

/** The lowest that is free once it stays the same: spares, which hold some, come and go for a moment after a run. */
async function settledDescriptor(): Promise<number> {
  let last = -1;
  const isSettled = () => {
    const next = openSync("/dev/null", "r");
    closeSync(next);
    const before = last;
    last = next;
    return next === before;
  };
  await expect.poll(isSettled, { interval: 500, timeout: 20_000 }).toBe(true);
  return last;
}
