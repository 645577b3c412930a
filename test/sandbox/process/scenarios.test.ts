/** Situations that no single program makes: supervisors that die, stall or leak, aborts, throttles, crowds. */
import { openSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { exitOf, lineOf, remainsOf, startSupervisor, untilNothing } from "./supervisor.js";

const executor = new ProcessSandboxExecutor({ timeLimit: 20, warm: false });
afterAll(() => executor.close());

/** For an ordinary user, too, who has no cgroups. */
const lenient = { warm: false, onUnsupported: ["memoryLimit", "cpuQuota"] } as const;
const isRoot = process.getuid?.() === 0;

describe("the host", () => {
  test("keeps its kernel settings, even where the supervisor is root", async () => {
    const settings = ["core_pattern", "hostname", "threads-max"];
    const before = settings.map((name) => readFileSync(`/proc/sys/kernel/${name}`, "latin1"));
    const run = await executor.executeCode(
      `for name in ${JSON.stringify(settings)}:
  try:
    open("/proc/sys/kernel/" + name, "w").write("x")
    print("WROTE", name)
  except OSError as error: pass`,
    );
    expect(run.output).toBe("");
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
      ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"],
    );
    // 0, 1, 2, the folder that is being listed, and the channel far beyond.
    expect(await lineOf(child, /descriptors/)).toBe("descriptors [0, 1, 2, 3, 1000]");
    await exitOf(child);
  });
});

describe("a supervisor", () => {
  const sleeper = `const executor = new ProcessSandboxExecutor({ timeLimit: 60, warm: false });
    executor.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(60)", { onStdout: () => console.log("up") });`;

  test("that is killed takes its sandboxes with it", async () => {
    const child = startSupervisor(sleeper);
    await lineOf(child, /up/);
    expect(remainsOf(child.pid!)).not.toEqual([]);
    child.kill("SIGKILL");
    expect(await untilNothing(() => remainsOf(child.pid!))).toEqual([]);
  });

  test("that ends in the middle of a run leaves nothing", async () => {
    const child = startSupervisor(sleeper.replace('console.log("up")', "process.exit(0)"));
    await exitOf(child);
    expect(await untilNothing(() => remainsOf(child.pid!))).toEqual([]);
  });

  test("whose keeper is killed fails the run, and leaves nothing of it", async () => {
    const child = startSupervisor(
      `const executor = new ProcessSandboxExecutor({ timeLimit: 60, warm: false });
       const run = await executor.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(60)", { onStdout: () => console.log("up") });
       console.log("verdict " + run.verdict);
       setInterval(() => {}, 1000);`,
    );
    await lineOf(child, /up/);
    const verdict = lineOf(child, /verdict/);
    // The keeper is the parent of the init; both have the launcher's script in their command lines.
    const [keeper] = remainsOf(child.pid!)
      .filter(isKeeper)
      .map(Number)
      .sort((left, right) => left - right);
    process.kill(keeper!, "SIGKILL");
    expect(await verdict).toMatch(/verdict (sandbox-failure|killed)/);
    expect(await untilNothing(() => remainsOf(child.pid!).filter((remain) => /^\d+$/.test(remain)))).toEqual([]);
    child.kill("SIGKILL");
    await exitOf(child);
  });

  test("that stalls does not lengthen a run", async () => {
    // It blocks its event loop as soon as the code is up, for much longer than the limit.
    const child = startSupervisor(
      `const executor = new ProcessSandboxExecutor({ timeLimit: 1.5, warm: false });
       const block = () => { console.log("stalled"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000); };
       const run = await executor.executeCode("print(1, flush=True)\\nwhile True: pass", { onStdout: () => process.nextTick(block) });
       console.log("verdict " + run.verdict); await executor.close();`,
    );
    await lineOf(child, /stalled/);
    const driver = () => remainsOf(child.pid!).filter((pid) => isDriver(pid));
    expect(await untilNothing(driver, 8000), "the code is dead while the supervisor is still stalled").toEqual([]);
    expect(child.exitCode).toBeNull();
    expect(await lineOf(child, /verdict/)).toBe("verdict timeout");
    await exitOf(child);
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

describe("an abort", () => {
  const endless = "print('up', flush=True)\nwhile True: pass";

  test("before the start runs nothing", async () => {
    const run = await executor.executeCode("open('/work/x', 'w')", { signal: AbortSignal.abort() });
    expect(run).toMatchObject({ success: false, verdict: "killed" });
    expect(run.error?.message).toContain("aborted by its caller");
    expect(run.artifacts).toEqual([]);
  });

  test("during the start, and during output, ends the run once", async () => {
    const start = new AbortController();
    setImmediate(() => start.abort());
    expect(await executor.executeCode(endless, { signal: start.signal })).toMatchObject({ verdict: "killed" });
    const output = new AbortController();
    const run = await executor.executeCode(endless, { signal: output.signal, onStdout: () => output.abort() });
    expect(run).toMatchObject({ verdict: "killed", output: "up\n", signal: "SIGKILL", exitCode: null });
  });

  test("after the end changes nothing", async () => {
    const controller = new AbortController();
    const run = await executor.executeCode("1", { signal: controller.signal });
    controller.abort();
    expect(run.verdict).toBe("ok");
  });

  test("of one that waits for its turn takes it out of the queue", async () => {
    const controllers = Array.from({ length: 30 }, () => new AbortController());
    const runs = controllers.map(({ signal }) => executor.executeCode("import time; time.sleep(60)", { signal }));
    for (const controller of controllers) controller.abort();
    const verdicts = await Promise.all(runs.map(async (run) => (await run).verdict));
    expect(new Set(verdicts)).toEqual(new Set(["killed"]));
  });
});

describe("limits", () => {
  test("a crowd under a narrow quota dies at once", async () => {
    const narrow = new ProcessSandboxExecutor({ ...lenient, cpuQuota: 5000, timeLimit: 3, processLimit: 60 });
    const run = await narrow.executeCode("for i in $(seq 40); do (while :; do :; done) & done; wait", {
      language: "bash",
    });
    expect(run.verdict).toBe("timeout");
    await narrow.close();
  });

  test.runIf(isRoot)("the quota of CPU is kept, and what was used is told", async () => {
    const half = new ProcessSandboxExecutor({ cpuQuota: 50_000, timeLimit: 20, warm: false });
    const run = await half.executeCode(
      "import time, os\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\nresult = sum(os.times()[:2])",
    );
    expect(run.value as number).toBeLessThan(1.3);
    expect(run.resourceUsage.cpuSeconds).toBeGreaterThanOrEqual(0.3);
    expect(run.resourceUsage.peakBytes).toBeGreaterThan(2 ** 20);
    await half.close();
  });

  test("files, inodes and file sizes are bounded, each by itself", async () => {
    const small = new ProcessSandboxExecutor({
      diskLimit: "1MiB",
      fileSizeLimit: "256KiB",
      inodeLimit: 100,
      warm: false,
    });
    const big = await small.executeCode("open('big', 'wb').write(b'x' * 300_000)");
    expect(big).toMatchObject({ verdict: "disk-limit", error: { message: expect.stringContaining("File too large") } });
    const signalled = await small.executeCode("head -c 300000 /dev/zero > big", { language: "bash" });
    expect(signalled.verdict).toBe("disk-limit");
    const many = await small.executeCode("for i in range(200): open(f'/tmp/{i}', 'w').close()");
    expect(many.verdict).toBe("disk-limit");
    const all = await small.executeCode(
      "for i in range(8):\n  for folder in ('/work', '/tmp', '/dev/shm'): open(f'{folder}/{i}', 'wb').write(b'x' * 200_000)",
    );
    expect(all.verdict).toBe("disk-limit");
    expect((await small.executeCode("for i in range(50): open(str(i), 'w').write('x')")).verdict).toBe("ok");
    await small.close();
  });

  test("processes are bounded, and a program that cannot do without says so", async () => {
    const few = new ProcessSandboxExecutor({ processLimit: 8, warm: false });
    const run = await few.executeCode(
      "import threading, time\nfor _ in range(30): threading.Thread(target=time.sleep, args=(1,), daemon=True).start()",
    );
    expect(run.verdict).toBe(isRoot ? "process-limit" : "error");
    await few.close();
  });

  test("artifacts are bounded in number and size", async () => {
    const few = new ProcessSandboxExecutor({ artifactCountLimit: 2, artifactLimit: 1000, warm: false });
    const run = await few.executeCode("for n in 'abc': open(n, 'w').write(n * 10)\nopen('0', 'w').write('x' * 2000)");
    expect(run.artifacts.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(run.artifactsOmitted.map(({ name }) => name)).toEqual(["0", "c"]);
    await few.close();
  });

  test("say what held them", async () => {
    const { enforcement } = await executor.executeCode("1");
    expect(enforcement.filter(({ strength }) => strength === "none")).toEqual([]);
    const by = Object.fromEntries(enforcement.map(({ limit, by }) => [limit, by]));
    expect(by).toMatchObject({ diskLimit: "tmpfs", inodeLimit: "tmpfs", network: "namespace", syscalls: "seccomp" });
    expect(by.filesystem).toMatch(/^namespace/);
    if (isRoot) expect(by.memoryLimit).toMatch(/^cgroup-v[12]$/);
  });
});

describe("many at once", () => {
  test("good answers stay right between hostile programs", async () => {
    const busy = new ProcessSandboxExecutor({ ...lenient, timeLimit: 10, memoryLimit: "64MiB", processLimit: 24 });
    const hostile = [
      "import os\nwhile True: os.fork()",
      "x = []\nwhile True: x.append(bytearray(1 << 20))",
      "while True: print('x' * 65536)",
      "import os, signal\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)",
      "import ctypes\nctypes.string_at(0)",
      "open('/tmp/f', 'wb').write(b'x' * (1 << 30))",
    ];
    const runs = Array.from({ length: 36 }, async (_, index) => {
      const bad = busy.executeCode(hostile[index % hostile.length]!);
      const good = await busy.executeCode(`print(${index} * ${index})\nopen('answer', 'w').write('${index}')`);
      expect((await bad).verdict).not.toBe("sandbox-failure");
      return [good.output, good.artifacts.map(({ bytes }) => Buffer.from(bytes).toString())];
    });
    const answers = await Promise.all(runs);
    expect(answers).toEqual(answers.map((_, index) => [`${index * index}\n`, [String(index)]]));
    await busy.close();
    expect(remainsOf(process.pid).filter((name) => name.includes("sandbox"))).toEqual([]);
  }, 240_000);

  test("descriptors do not pile up", async () => {
    await executor.executeCode("1");
    const first = openSync("/dev/null", "r");
    for (let round = 0; round < 10; round++) await executor.executeCode("1");
    expect(openSync("/dev/null", "r") - first).toBeLessThan(4);
  });
});
