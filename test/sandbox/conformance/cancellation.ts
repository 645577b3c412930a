/** Aborts: before, during and after a run, and of one that waits. */
import { afterAll, describe, expect, test } from "vitest";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describeCancellation(backend: BackendUnderTest, warm: boolean): void {
  const executor = executorOf(backend, { timeLimit: 20 * backend.slowness, warm });
  afterAll(() => executor.close());

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
}
