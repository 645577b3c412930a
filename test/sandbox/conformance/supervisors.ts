/** Supervisors that die: what they leave is removed, by itself or by whoever starts next, and nothing else is. */
import { afterEach, describe, expect, test } from "vitest";
import { endSupervisors, startSupervisor } from "../supervisor.js";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describeSupervisors(backend: BackendUnderTest): void {
  describe("a supervisor", () => {
    const options = JSON.stringify({ ...backend.config, timeLimit: 60 });
    const sleeper = `const executor = new SandboxExecutor(${options});
    executor.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(60)", { onStdout: () => console.log("up") });`;

    const patience = { timeout: 20_000 };

    afterEach(endSupervisors);

    test("that is killed leaves nothing behind once the next one has started", async () => {
      const child = startSupervisor(sleeper);
      await child.line("up");
      expect(await backend.remainsOf(child.pid)).not.toEqual([]);
      child.kill();
      await child.ended;
      const next = startSupervisor(`const executor = new SandboxExecutor(${options});
      const run = await executor.executeCode("print(6 * 7)"); console.log("next " + run.output); await executor.close();`);
      expect(await next.line("next")).toBe("42");
      await next.ended;
      await expect.poll(() => backend.remainsOf(child.pid), patience).toEqual([]);
    });

    test("that ends in order leaves nothing, spares included", async () => {
      const child = startSupervisor(`const executor = new SandboxExecutor(${options});
      for (let round = 0; round < 3; round++) await executor.executeCode("1");
      await executor.close();`);
      await child.ended;
      await expect.poll(() => backend.remainsOf(child.pid), patience).toEqual([]);
    });

    test("does not touch what is another's", async () => {
      await using mine = executorOf(backend, { timeLimit: 30 * backend.slowness });
      const chunks: string[] = [];
      let started!: () => void;
      const isUp = new Promise<void>((resolve) => {
        started = resolve;
      });
      const running = mine.executeCode(
        "import sys\nprint('up', flush=True)\nprint(sys.stdin.read())\nimport time\ntime.sleep(3)\nprint('done')",
        {
          onStdout: (chunk) => {
            chunks.push(Buffer.from(chunk).toString());
            started();
          },
        },
      );
      await isUp;
      const other = startSupervisor(`const executor = new SandboxExecutor(${options});
      console.log("other " + (await executor.executeCode("print(1)")).output); await executor.close();`);
      expect(await other.line("other")).toBe("1");
      await other.ended;
      expect((await running).verdict).toBe("ok");
      expect(chunks.join("")).toContain("done");
    });
  });
}
