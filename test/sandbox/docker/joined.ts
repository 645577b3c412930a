/** The tests' daemon for the tests of one file, and what they look at while code runs on it. */
import { afterAll, beforeAll } from "vitest";
import type { SandboxExecutionResult } from "#src/model/sandbox.js";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { pidLabel } from "#src/sandbox/backend/docker/labels.js";
import type { executorOf } from "../conformance/backend-under-test.js";
import { daemonHost, joinDaemon, leaveDaemon } from "./daemon.js";

export interface Joined {
  readonly client: DockerClient;
  /** Ids of the containers of this process. */
  ours(): Promise<string[]>;
}

/** Joins the daemon before the tests of the suite that calls this, and leaves it after them. */
export function useDaemon(): Joined {
  let client: DockerClient;
  beforeAll(async () => {
    await joinDaemon();
    client = await DockerClient.open(daemonHost);
  });
  afterAll(async () => {
    client.close();
    await leaveDaemon();
  });
  return {
    get client() {
      return client;
    },
    ours: async () => (await client.listContainers(`${pidLabel}=${process.pid}`)).map(({ Id }) => Id),
  };
}

/** Resolves once the code has printed; it would run for long. */
export async function startRun(
  executor: ReturnType<typeof executorOf>,
): Promise<{ readonly result: Promise<SandboxExecutionResult> }> {
  let started!: () => void;
  const isUp = new Promise<void>((resolve) => {
    started = resolve;
  });
  const code = "print('up', flush=True)\nimport time\ntime.sleep(50)";
  const result = executor.executeCode(code, { onStdout: () => started() });
  await isUp;
  return { result };
}
