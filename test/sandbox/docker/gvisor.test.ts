/**
 * Code in gVisor, where it is installed (Debian: runsc). The one of Debian 12 ends with a panic of its own now and then when a process
 * of the code ends, so that the programs here start none, and the wall is not tried by the probe, which does.
 */
import { existsSync } from "node:fs";
import { release } from "node:os";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import "#src/sandbox/language/index.js";
import { Checker } from "#src/model/check.js";
import type { SandboxConfig } from "#src/model/sandbox.js";
import { Daemon } from "#src/sandbox/backend/docker/daemon.js";
import { makeDockerRecipe } from "#src/sandbox/backend/docker/make-recipe.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { resolveWarmOptions } from "#src/sandbox/warm-options.js";
import { isPresent, present } from "../../support/require-component.js";
import { daemonHost, joinDaemon, leaveDaemon, runscPath, testImageName } from "./daemon.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

const hasGvisor = isPresent("gVisor", {
  check: () => existsSync(runscPath),
  remedy: "apt-get install runsc",
  optional: true,
});

describe.runIf(hasGvisor && present("linux", "root", "docker", "python", "pandas"))("containers in gVisor", () => {
  let daemon: Daemon;

  beforeAll(async () => {
    await joinDaemon();
    daemon = await Daemon.open(daemonHost, resolveWarmOptions(new Checker()));
  });
  afterAll(async () => {
    await daemon.close();
    await leaveDaemon();
  });

  async function run(code: string, more: SandboxConfig = {}, language = "python") {
    const docker = { host: daemonHost, image: testImageName, pull: "never" } as const;
    const config = resolveSandboxConfig({ runtime: "docker", docker, minIsolation: "kernel", timeLimit: 30, ...more });
    const request = resolveCodeRequest(code, { language });
    const recipe = await makeDockerRecipe(daemon, await daemon.info(), config, request.language);
    const sandbox = await daemon.cold.launch(recipe);
    return await runCode(sandbox, request, { limits: config.limits, startedAt: performance.now() });
  }

  test("have a kernel of their own, and limits that hold", async () => {
    const { verdict, stdout } = await run("import os\nprint(os.uname().release)");
    expect(verdict).toBe("ok");
    expect(stdout.trim()).not.toBe(release());
    expect((await run("while True: pass", { timeLimit: 3 })).verdict).toBe("timeout");
    expect((await run("x = bytearray(900 * 2**20)\nprint(len(x))", { memoryLimit: "256MB" })).verdict).toBe(
      "memory-limit",
    );
    const filling = "open('/work/x', 'wb').write(bytes(200 * 2**20))";
    expect((await run(filling, { diskLimit: "20MB" })).verdict).toBe("disk-limit");
  });

  test("run pandas and JavaScript", async () => {
    const sum = "import pandas as pd\nint(pd.DataFrame({'a': [1, 2, 3]}).a.sum())";
    expect((await run(sum, { allowedPackages: ["pandas"] })).value).toBe(6);
    expect((await run("console.log(6 * 7)", {}, "javascript")).stdout).toBe("42\n");
  });
});
