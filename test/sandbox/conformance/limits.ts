/** Limits: each is held, the verdict names it, and the result says what held it. */
import { afterAll, describe, expect, test } from "vitest";
import { InvalidOptionError } from "#src/model/error.js";
import { degradableLimits, type SandboxConfig } from "#src/model/sandbox.js";
import { graceSeconds } from "../../attack/catalogue.js";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describeLimits(backend: BackendUnderTest): void {
  const { slowness } = backend;
  /** An ordinary user has no cgroups for processes of its own. */
  const holdsAll = backend.name !== "process" || process.getuid?.() === 0;
  const lenient = { warm: false, onUnsupported: ["memoryLimit", "cpuQuota"] } as const;
  const executor = executorOf(backend, { timeLimit: 20 * slowness, warm: false });
  afterAll(() => executor.close());

  describe("limits", () => {
    test("a crowd under a narrow quota dies at once", async () => {
      const timeLimit = 3 * slowness;
      const narrow = executorOf(backend, { ...lenient, cpuQuota: 5000, timeLimit, processLimit: 60 });
      const crowd = "for i in $(seq 40); do (while :; do :; done) & done; wait";
      const run = await narrow.executeCode(crowd, { language: "bash" });
      expect(run.verdict).toBe("timeout");
      expect(run.executionTime).toBeLessThan(timeLimit + graceSeconds * slowness);
      await narrow.close();
      expect(await backend.remainsOf(process.pid)).toEqual([]);
    });

    test.runIf(holdsAll && backend.tellsUsage)("the quota of CPU is kept, and what was used is told", async () => {
      const half = executorOf(backend, { cpuQuota: 50_000, timeLimit: 20 * slowness, warm: false });
      const run = await half.executeCode(
        "import time, os\nbefore = sum(os.times()[:2])\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\nresult = sum(os.times()[:2]) - before",
      );
      // A guest does not see the pauses of its machine: what it used is told by the host.
      if (backend.name !== "vm") expect(run.value as number).toBeLessThan(1.3);
      expect(run.resourceUsage.cpuSeconds).toBeLessThan(0.5 * run.executionTime + 0.5);
      expect(run.resourceUsage.cpuSeconds).toBeGreaterThanOrEqual(0.3);
      expect(run.resourceUsage.peakBytes).toBeGreaterThan(2 ** 20);
      await half.close();
    });

    test("files, inodes and file sizes are bounded, each by itself", async () => {
      const small = executorOf(backend, {
        diskLimit: "1MiB",
        fileSizeLimit: "256KiB",
        inodeLimit: 100,
        warm: false,
      });
      const big = await small.executeCode("open('big', 'wb').write(b'x' * 300_000)");
      expect(big).toMatchObject({
        verdict: "disk-limit",
        error: { message: expect.stringContaining("File too large") },
      });
      const signalled = await small.executeCode("head -c 300000 /dev/zero > big", { language: "bash" });
      expect(signalled.verdict).toBe("disk-limit");
      const many = await small.executeCode("for i in range(200): open(f'/tmp/{i}', 'w').close()");
      expect(many.verdict).toBe("disk-limit");
      const folders = backend.sharesOneDisk ? "'/work', '/tmp', '/dev/shm'" : "'/work',";
      const all = await small.executeCode(
        `for i in range(8):\n  for folder in (${folders}): open(f'{folder}/{i}', 'wb').write(b'x' * 200_000)`,
      );
      expect(all.verdict).toBe("disk-limit");
      expect((await small.executeCode("for i in range(50): open(str(i), 'w').write('x')")).verdict).toBe("ok");
      await small.close();
    });

    test("processes are bounded, and a program that cannot do without says so", async () => {
      const few = executorOf(backend, { processLimit: 8, warm: false });
      const run = await few.executeCode(
        "import threading, time\nfor _ in range(30): threading.Thread(target=time.sleep, args=(1,), daemon=True).start()",
      );
      expect(run.verdict).toBe(holdsAll && backend.countsRefusedForks ? "process-limit" : "error");
      await few.close();
    });

    test("artifacts are bounded in number and size", async () => {
      const few = executorOf(backend, { artifactCountLimit: 2, artifactLimit: 1000, warm: false });
      const run = await few.executeCode("for n in 'abc': open(n, 'w').write(n * 10)\nopen('0', 'w').write('x' * 2000)");
      expect(run.artifacts.map(({ name }) => name)).toEqual(["a", "b"]);
      expect(run.artifactsOmitted.map(({ name }) => name)).toEqual(["0", "c"]);
      await few.close();
    });

    test("say what held them", async () => {
      const { enforcement } = await executor.executeCode("1");
      expect(enforcement.filter(({ strength }) => strength === "none")).toEqual([]);
      const by = Object.fromEntries(enforcement.map(({ limit, by }) => [limit, by]));
      expect(Object.keys(by).sort()).toEqual([...degradableLimits, "filesystem", "network", "syscalls"].sort());
      for (const [limit, pattern] of Object.entries(backend.heldBy)) expect(by[limit], limit).toMatch(pattern);
    });

    test("are refused before anything starts where they are out of range", async () => {
      const refused: readonly SandboxConfig[] = [
        { memoryLimit: 1 },
        { cpuQuota: 0 },
        { timeLimit: "soon" },
        { processLimit: 1 },
      ];
      for (const config of refused)
        expect(() => executorOf(backend, config), JSON.stringify(config)).toThrow(InvalidOptionError);
    });

    test("a name that leaves the working folder is refused before anything starts", async () => {
      for (const name of ["../x", "/etc/x", "a\0b", "a/../../x"])
        await expect(executor.executeCode("1", { files: { [name]: "" } })).rejects.toMatchObject({
          code: "INVALID_OPTION",
        });
    });
  });
}
