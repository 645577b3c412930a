/** No two runs share anything, and many at once do not get in each other's way. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describeIsolation(backend: BackendUnderTest, warm: boolean): void {
  const { slowness } = backend;
  const lenient = { warm, onUnsupported: ["memoryLimit", "cpuQuota"] } as const;

  describe("what one run does is not there in the next", () => {
    let executor: SandboxExecutor;
    beforeAll(() => {
      executor = executorOf(backend, { ...lenient, timeLimit: 20 * slowness });
    });
    afterAll(() => executor.close());

    test("modules, builtins, environment, files, settings of the interpreter", async () => {
      const poison = `
import builtins, sys, os, json, math, signal
builtins.leak = 1
json.dumps = lambda *a: "leak"
math.pi = 3
os.environ["X"] = "leak"
sys.setrecursionlimit(77)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for folder in ("/tmp", "/dev/shm", "/work"): open(folder + "/leak", "w").write("1")
os.umask(0o777)
`;
      const look = `
import builtins, sys, os, json, math, signal
result = [hasattr(builtins, "leak"), json.dumps(1), round(math.pi, 1), os.environ.get("X"), sys.getrecursionlimit(),
  signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, os.umask(0o22), os.listdir("/tmp") + os.listdir("/dev/shm"), os.listdir("/work")]`;
      for (let round = 0; round < 3; round++) {
        expect((await executor.executeCode(poison)).verdict).toBe("ok");
        expect((await executor.executeCode(look)).value).toEqual([
          false,
          "1",
          3.1,
          null,
          1000,
          true,
          0o22,
          [],
          ["main.py"],
        ]);
      }
    });

    test("random numbers of every source differ", async () => {
      const draw = `
import random, os, uuid, secrets, ssl, tempfile
result = [random.random(), os.urandom(8).hex(), uuid.uuid4().hex, secrets.token_hex(8), ssl.RAND_bytes(8).hex(), os.path.basename(tempfile.mkdtemp())]`;
      const runs = await Promise.all(
        [1, 2, 3, 4].map(async () => (await executor.executeCode(draw)).value as unknown[]),
      );
      for (let source = 0; source < 6; source++)
        expect(new Set(runs.map((run) => run[source])).size, `source ${source}`).toBe(runs.length);
    });

    test("the clock is the host's", async () => {
      const seconds = (await executor.executeCode("import time\nresult = time.time()")).value as number;
      expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(10);
    });

    test("the code is nobody, and has no rights", async () => {
      const run = await executor.executeCode("id -u; id -g; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status", {
        language: "bash",
      });
      const [uid, gid, ...status] = run.output.trim().split("\n");
      expect([Number(uid), Number(gid)]).toEqual([backend.user.uid, backend.user.gid]);
      expect(status.join("\n")).toBe(
        `${["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}:\t0000000000000000`).join("\n")}\nNoNewPrivs:\t1\nSeccomp:\t2`,
      );
    });
  });

  const rounds = backend.name === "process" ? 36 : 12;
  describe("many at once", () => {
    test("good answers stay right between hostile programs", async () => {
      const busy = executorOf(backend, {
        ...lenient,
        timeLimit: 10 * slowness,
        memoryLimit: "64MiB",
        processLimit: 24,
      });
      const hostile = [
        "import os\nwhile True: os.fork()",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "while True: print('x' * 65536)",
        "import os, signal\nos.kill(-1, 9)\nos.kill(os.getppid(), 9)",
        "import ctypes\nctypes.string_at(0)",
        "open('/tmp/f', 'wb').write(b'x' * (1 << 30))",
      ];
      const runs = Array.from({ length: rounds }, async (_, index) => {
        const bad = busy.executeCode(hostile[index % hostile.length]!);
        const good = await busy.executeCode(`print(${index} * ${index})\nopen('answer', 'w').write('${index}')`);
        expect((await bad).verdict).not.toBe("sandbox-failure");
        return [good.output, good.artifacts.map(({ bytes }) => Buffer.from(bytes).toString())];
      });
      const answers = await Promise.all(runs);
      expect(answers).toEqual(answers.map((_, index) => [`${index * index}\n`, [String(index)]]));
      await busy.close();
    }, 240_000);
  });
}
