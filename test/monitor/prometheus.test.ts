import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { ExecutionMonitor } from "#src/monitor/execution-monitor.js";
import { prometheusHandler, prometheusText } from "#src/monitor/prometheus.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";
import { present } from "../support/require-component.js";

const hostileName = 'a "quoted" \\ name\nwith a line \ud800 and {braces}';

async function watched(): Promise<ExecutionMonitor> {
  const clock = new SimulatedClock(1_700_000_000_000);
  const monitor = new ExecutionMonitor();
  const executor = new ParallelExecutor({ monitor, resourceLimits: { gpu: 2 } }, { clock });
  const lasting = (seconds: number) => () => new Promise<void>((resolve) => clock.schedule(seconds * 1000, resolve));
  await clock.runUntil(
    executor.executeTasks([
      { id: "load[1]", run: lasting(1) },
      { id: "load[2]", run: lasting(3), resources: { gpu: 1 } },
      {
        id: "hostile",
        name: hostileName,
        run: () => {
          throw new Error("no");
        },
        retries: 1,
      },
    ]),
  );
  return monitor;
}

describe("prometheusText", () => {
  test("tells every figure under its name, with cumulative buckets", async () => {
    const lines = prometheusText(await watched()).split("\n");
    expect(lines).toContain('orchestrator_tasks_total{name="load",status="succeeded"} 2');
    expect(lines).toContain('orchestrator_attempt_duration_seconds_bucket{name="load",le="0.25"} 0');
    // A bucket holds its bound.
    expect(lines).toContain('orchestrator_attempt_duration_seconds_bucket{name="load",le="1"} 1');
    expect(lines).toContain('orchestrator_attempt_duration_seconds_bucket{name="load",le="4"} 2');
    expect(lines).toContain('orchestrator_attempt_duration_seconds_bucket{name="load",le="+Inf"} 2');
    expect(lines).toContain('orchestrator_attempt_duration_seconds_sum{name="load"} 4');
    expect(lines).toContain('orchestrator_resource_limit{resource="gpu"} 2');
    const hostile = String.raw`name="a \"quoted\" \\ name\nwith a line ${"\ufffd"} and {braces}"`;
    expect(lines).toContain(`orchestrator_attempt_retries_total{${hostile}} 1`);
  });

  test.runIf(present("promtool"))("is what promtool takes, without a warning", async () => {
    for (const monitor of [await watched(), new ExecutionMonitor()]) {
      const checked = spawnSync("promtool", ["check", "metrics"], { input: prometheusText(monitor), encoding: "utf8" });
      expect(checked).toMatchObject({ status: 0, stdout: "", stderr: "" });
    }
  });

  test("is served to GET and HEAD alone", async () => {
    const monitor = await watched();
    const server = createServer(prometheusHandler(monitor));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
    try {
      const got = await fetch(url);
      expect(got.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      expect(await got.text()).toBe(prometheusText(monitor));
      expect(await (await fetch(url, { method: "HEAD" })).text()).toBe("");
      expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
