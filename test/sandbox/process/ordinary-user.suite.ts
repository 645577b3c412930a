/** What a process without rights to cgroups may ask for; see `ordinary-user.test.ts`. */
import { afterAll, expect, test } from "vitest";
import { UnsupportedLimitError } from "#src/model/sandbox.js";
import { ProcessSandboxExecutor, SandboxExecutor } from "#src/sandbox/sandbox-executor.js";

const executors: SandboxExecutor[] = [];
afterAll(() => Promise.all(executors.map((executor) => executor.close())));

function executorWith(config: ConstructorParameters<typeof ProcessSandboxExecutor>[0]): ProcessSandboxExecutor {
  const executor = new ProcessSandboxExecutor(config);
  executors.push(executor);
  return executor;
}

test.each(["memoryLimit", "cpuQuota"] as const)(
  "%s that was asked for and cannot be held is refused",
  async (limit) => {
    const asked = { [limit]: limit === "memoryLimit" ? "64MiB" : 50_000 };
    const refusal = await executorWith(asked)
      .executeCode("open('/work/ran', 'w')")
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnsupportedLimitError);
    expect(refusal).toMatchObject({ code: "UNSUPPORTED_LIMIT", limit });
    const { reason, remedy } = refusal as UnsupportedLimitError;
    expect(reason).toContain("no cgroup holds it here");
    expect(remedy).toMatch(/run as root|delegated/);
    expect(remedy).toContain(`onUnsupported: ["${limit}"]`);
  },
);

test("the same is taken where less is accepted by name, and the result says what held it", async () => {
  const executor = executorWith({ memoryLimit: "64MiB", cpuQuota: 50_000, onUnsupported: ["memoryLimit", "cpuQuota"] });
  const { enforcement, output } = await executor.executeCode("print(1)");
  expect(output).toBe("1\n");
  const held = Object.fromEntries(enforcement.map((entry) => [entry.limit, entry]));
  expect(held.memoryLimit).toMatchObject({ by: "watch", strength: "best-effort" });
  expect(held.cpuQuota).toMatchObject({ by: "duty-cycle", strength: "best-effort" });
  expect(held.processLimit).toMatchObject({ by: "rlimit", strength: "enforced" });
  for (const wall of ["network", "filesystem", "syscalls"]) expect(held[wall]?.strength).toBe("enforced");
});

test("limits that nobody asked for do not stand in the way", async () => {
  const run = await executorWith({}).executeCode("1 + 1");
  expect(run.value).toBe(2);
});

test("no backend at all is chosen where none holds the limit", async () => {
  const executor = new SandboxExecutor({ memoryLimit: "64MiB" });
  executors.push(executor);
  await expect(executor.executeCode("1")).rejects.toMatchObject({ code: "UNSUPPORTED_LIMIT", limit: "memoryLimit" });
});

test("CPU is held by stopping and continuing", async () => {
  const executor = executorWith({ cpuQuota: 30_000, onUnsupported: ["cpuQuota"] });
  const run = await executor.executeCode(
    "import time, os\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\nresult = sum(os.times()[:2])",
  );
  expect(run.value as number).toBeLessThan(1.2);
});

test("memory is held by watching, of whatever kind it is", async () => {
  const executor = executorWith({ memoryLimit: "64MiB", onUnsupported: ["memoryLimit"] });
  const shared = "import mmap\nm = mmap.mmap(-1, 2 << 30)\nfor i in range(0, 2 << 30, 4096): m[i] = 1";
  const forked =
    "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = bytearray(24 << 20)\n    time.sleep(20)\ntime.sleep(20)";
  for (const code of [shared, forked]) expect((await executor.executeCode(code)).verdict).toBe("memory-limit");
});
