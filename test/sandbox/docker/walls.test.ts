/** The probe that tries the walls of containers, in containers that have none. */
import { describe, expect, test, vi } from "vitest";
import type { ContainerSpec } from "#src/sandbox/backend/docker/container-spec.js";
import { violations } from "#src/sandbox/backend/docker/prove-wall.js";
import { runToEnd } from "#src/sandbox/backend/docker/run/run-to-end.js";
import { present } from "../../support/require-component.js";
import { testImageName } from "./daemon.js";
import { useDaemon } from "./joined.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker"))("the probe of containers' walls", () => {
  const joined = useDaemon();

  async function brokenIn(settings: object, kernel = "shared"): Promise<string[]> {
    const spec: ContainerSpec = {
      Image: testImageName,
      Entrypoint: ["/usr/bin/perl", "-e", violations, "1", kernel],
      Cmd: [],
      AttachStdout: true,
      AttachStderr: true,
      ...settings,
    };
    let said = "";
    await runToEnd(joined.client, spec, {
      onOutput: (chunk) => {
        said += chunk.toString("latin1");
      },
    });
    return said.trim().split("\n");
  }

  // A setting of the kernel can be written only in one that is privileged, which not every daemon may make.
  test("it tells of each that is down", async () => {
    const broken = await brokenIn({
      User: "0:0",
      HostConfig: { NetworkMode: "host", SecurityOpt: ["seccomp=unconfined"] },
    });
    expect(broken).toEqual(
      expect.arrayContaining([
        ...["/", "/usr/bin", "/etc", "/dev"].map((folder) => `filesystem: ${folder} could be written`),
        "filesystem: the code is root",
        "network: there is an interface besides its own loopback",
        "syscalls: capabilities can be had",
        "syscalls: a user namespace could be made",
        "syscalls: no filter is set",
        "syscalls: new privileges can be had",
        "tried",
      ]),
    );
  });

  test("it tells of a kernel that is the host's", async () => {
    const { KernelVersion } = await joined.client.info();
    const broken = await brokenIn({ User: "65534:65534", HostConfig: { NetworkMode: "none" } }, KernelVersion);
    expect(broken).toContain("minIsolation: it has the host's kernel");
  });
});
