/** What can only be seen from outside of the process that uses the runners. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { sweepCgroups } from "#src/host/cgroup/index.js";
import { listProcessTree } from "#src/host/process-tree.js";
import type { LimitEnforcement } from "#src/port/runner.js";
import { eventually, processesWith } from "./outside.js";

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

it("ends by itself while pools are warm and idle", () => {
  const child = spawnSync(process.execPath, [fixture("idle-parent.mjs")], { encoding: "utf8", timeout: 30_000 });
  expect(child.stderr).toBe("");
  expect(child).toMatchObject({ stdout: "all ended\n", status: 0, signal: null });
});

it("takes its workers and commands with it when it is killed", async () => {
  const marker = `dying-parent-${process.pid}`;
  const parent = spawn(process.execPath, [fixture("dying-parent.mjs"), marker], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(parent.stdout, "data");
  const workers = listProcessTree({ pid: parent.pid!, startTicks: undefined, marker: "none" }).filter(
    (pid) => pid !== parent.pid,
  );
  expect(workers.length).toBeGreaterThanOrEqual(2);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  if (existsSync("/usr/bin/setpriv")) {
    await eventually(
      () =>
        processesWith(marker).length === 0 && workers.every((pid) => !processesWith("process/entry.js").includes(pid)),
      "the worker process and the command are gone",
    );
  }
  // What the command's shell had started is in a cgroup, which the next start sweeps.
  await sweepCgroups();
});

it.runIf(process.getuid?.() === 0)("holds what it can for a user without cgroups, and says what it cannot", () => {
  const marker = `unprivileged-${process.pid}`;
  const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
  const child = spawnSync("setpriv", [...drop, process.execPath, fixture("unprivileged.mjs"), marker], {
    encoding: "utf8",
    timeout: 50_000,
    env: { PATH: process.env.PATH, HOME: "/tmp" },
  });
  expect(child.stderr).toBe("");
  const seen = JSON.parse(child.stdout) as Record<string, Record<string, unknown>> & {
    enforcement: LimitEnforcement[];
  };
  expect(seen.left).toMatchObject({ end: "succeeded", output: "started" });
  expect(seen.aborted).toEqual({ end: "stopped" });
  expect(seen.heap).toMatchObject({ end: "failed", reason: { kind: "memory-limit", limitBytes: 100e6 } });
  expect(seen.spun).toEqual({ end: "stopped" });
  // CPU is told by the process itself; the peak is not known.
  expect(seen.burnt).toMatchObject({ end: "succeeded", usage: { cpuSeconds: expect.any(Number) } });
  expect((seen.burnt as { usage: object }).usage).not.toHaveProperty("peakBytes");
  expect(processesWith(marker)).toEqual([]);
  const by = seen.enforcement.map((entry) => `${entry.limit}: ${entry.by}`);
  expect(by).toEqual(["memory: admission", "cpu: admission", "memory: heap-limit", "cpu: admission"]);
  expect(seen.enforcement[0]!.detail).toContain("no cgroup: no group can be made");
});
