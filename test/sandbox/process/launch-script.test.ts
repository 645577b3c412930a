/** The launcher of cold starts when nobody hears it any more. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { readProcessStat } from "#src/host/process-identity.js";
import { launchArguments, launchScript } from "#src/sandbox/backend/process/cold/launch-script.js";
import { present } from "../../support/require-component.js";

test.runIf(present("linux", "util-linux"))(
  "a supervisor that ends while its sandbox starts leaves no process of it",
  async () => {
    const scratch = mkdtempSync(join(tmpdir(), "launch-script-"));
    try {
      const parameters = launchArguments(
        {
          scratch,
          diskBytes: 1 << 20,
          inodes: 100,
          user: "",
          channelDescriptor: 300,
          openFiles: 200,
          fileSizeKibibytes: 1024,
          seccomp: "/dev/null",
          dataKibibytes: undefined,
          deviceGroup: undefined,
        },
        [],
        ["/bin/true"],
      );
      const own = ["--user", "--map-root-user", "--mount", "--propagation", "private", "--pid", "--"];
      const shell = ["/bin/bash", "--noprofile", "--norc", "-c", launchScript, "keeper"];
      const keeper = spawn("/usr/bin/unshare", [...own, ...shell, ...parameters], {
        env: { PATH: "/usr/bin:/bin" },
        detached: true,
        stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"],
      });
      const ended = new Promise((resolve) => keeper.once("exit", resolve));
      for (const stream of keeper.stdio) (stream as Duplex | null)?.on("error", () => {}).destroy();
      await ended;
      await expect.poll(() => processesOfGroup(keeper.pid!), { timeout: 10_000 }).toEqual([]);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
);

/** The living processes of a process group. */
function processesOfGroup(group: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readProcessStat(Number(pid)) ?? [])
    .filter(({ processGroup, state }) => processGroup === group && !["Z", "X"].includes(state))
    .map(({ pid }) => pid);
}
