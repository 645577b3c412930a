import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cli, withFolder } from "./cli.js";

const cwd = fileURLToPath(new URL("pipelines/", import.meta.url));

const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "");

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Asks again and again, up to a deadline. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s stops what runs, and tells what was done: exit code 130", (signal) =>
    withFolder(async (folder) => {
      const marker = join(folder, "marker");
      const result = await cli(
        ["run", "waits.yaml", "-i", `marker=${marker}`, "--output", join(folder, "result.json")],
        {
          cwd,
          during: (child) => void until(() => read(marker).includes("running")).then(() => child.kill(signal)),
        },
      );
      expect(result.code).toBe(130);
      expect(read(marker)).toBe("running\nstopped\n");
      expect(result.stdout).toContain("Stopping 1 running task; press Ctrl-C again to kill");
      expect(result.stdout).toMatch(/waits: interrupted: .*1 succeeded in/);
      const document = JSON.parse(read(join(folder, "result.json")));
      expect(document).toMatchObject({
        status: "interrupted",
        tasks: { quick: { status: "succeeded" }, slow: { status: "cancelled" }, after: { status: "cancelled" } },
      });
    }),
  );

  test("a task that does not stop keeps nobody", () =>
    withFolder(async (folder) => {
      const marker = join(folder, "marker");
      const result = await cli(["run", "stuck.yaml", "-i", `marker=${marker}`], {
        cwd,
        during: (child) => void until(() => read(marker).includes("running")).then(() => child.kill("SIGINT")),
      });
      expect(result.code).toBe(130);
      expect(result.stdout).toContain("slow");
    }));

  test("twice kills at once, and what a command started dies too", () =>
    withFolder(async (folder) => {
      const marker = join(folder, "marker");
      const interruptTwice = async (child: ChildProcessWithoutNullStreams) => {
        let told = "";
        child.stdout.on("data", (text: string) => {
          told += text;
        });
        await until(() => read(marker).trim().split("\n").length === 2);
        child.kill("SIGINT");
        await until(() => told.includes("again to kill"));
        child.kill("SIGINT");
      };
      const result = await cli(["run", "stubborn.yaml", "-i", `marker=${marker}`], {
        cwd,
        during: (child) => void interruptTwice(child),
      });
      expect(result.code).toBe(130);
      const pids = read(marker).trim().split("\n").map(Number);
      await until(() => pids.every((pid) => !isAlive(pid)));
    }));
});
