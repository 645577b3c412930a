/**
 * Spares that are killed, and daemons that go away with runs in them: each run ends as a verdict, what comes after is well,
 * and nothing is left. The daemon is one of this file's own, because nobody's sandboxes survive what is done to it.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.hoisted(() => {
  process.env.ORCHESTRATOR_DOCKER_FOLDER = "/var/tmp/orchestrator-docker-restart-tests";
});

import "#src/sandbox/language/index.js";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { pidLabel } from "#src/sandbox/backend/docker/labels.js";
import { present } from "../../support/require-component.js";
import { executorOf } from "../conformance/backend-under-test.js";
import { daemonHost, joinDaemon, leaveDaemon, restartDaemon } from "./daemon.js";
import { dockerUnderTest } from "./docker-under-test.js";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python"))("a daemon that fails", () => {
  let client: DockerClient;

  beforeAll(async () => {
    await joinDaemon();
    client = await DockerClient.open(daemonHost);
  });
  afterAll(async () => {
    client.close();
    await leaveDaemon();
  });

  const ours = async () => (await client.listContainers(`${pidLabel}=${process.pid}`)).map(({ Id }) => Id);

  test("spares that are killed are found dead, and replaced", async () => {
    await using executor = executorOf(dockerUnderTest, { timeLimit: 60 });
    await executor.executeCode("1");
    await expect.poll(async () => (await ours()).length, { timeout: 60_000 }).toBeGreaterThan(0);
    for (const id of await ours()) await client.killContainer(id);
    expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
    await executor.close();
    expect(await ours()).toEqual([]);
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "one that ends by %s ends its runs with a verdict, and serves again once it is back",
    async (signal) => {
      await using executor = executorOf(dockerUnderTest, { timeLimit: 60 });
      let started!: () => void;
      const isUp = new Promise<void>((resolve) => {
        started = resolve;
      });
      const code = "print('up', flush=True)\nimport time\ntime.sleep(50)";
      const result = executor.executeCode(code, { onStdout: () => started() });
      await isUp;
      await restartDaemon(signal);
      expect((await result).verdict).toBe("sandbox-failure");
      expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
      await executor.close();
      await expect.poll(ours, { timeout: 30_000 }).toEqual([]);
    },
  );
});
