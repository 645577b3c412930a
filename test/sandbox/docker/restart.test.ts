/**
 * Spares that are killed, and daemons that go away with runs in them: each run ends as a verdict, what comes after is well,
 * and nothing is left. The daemon is one of this file's own, because nobody's sandboxes survive what is done to it.
 */
import { describe, expect, test, vi } from "vitest";

vi.hoisted(() => {
  process.env.ORCHESTRATOR_DOCKER_FOLDER = "/var/tmp/orchestrator-docker-restart-tests";
});

import "#src/sandbox/language/index.js";
import { present } from "../../support/require-component.js";
import { executorOf } from "../conformance/backend-under-test.js";
import { restartDaemon } from "./daemon.js";
import { dockerUnderTest } from "./docker-under-test.js";
import { startRun, useDaemon } from "./joined.js";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python"))("a daemon that fails", () => {
  const joined = useDaemon();
  const { ours } = joined;

  test("spares that are killed are found dead, and replaced", async () => {
    await using executor = executorOf(dockerUnderTest, { timeLimit: 60 });
    await executor.executeCode("1");
    await expect.poll(async () => (await ours()).length, { timeout: 60_000 }).toBeGreaterThan(0);
    for (const id of await ours()) await joined.client.killContainer(id);
    expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
    await executor.close();
    expect(await ours()).toEqual([]);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "one that ends by %s ends its runs with a verdict, and serves again once it is back",
    async (signal) => {
      await using executor = executorOf(dockerUnderTest, { timeLimit: 60 });
      const { result } = await startRun(executor);
      await restartDaemon(signal);
      expect((await result).verdict).toBe("sandbox-failure");
      expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
      await executor.close();
      await expect.poll(ours, { timeout: 30_000 }).toEqual([]);
    },
  );
});
