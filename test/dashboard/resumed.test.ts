/** A run that an earlier process had begun: what that had done is done on the page too, with its output. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunCollection } from "#src/dashboard/dashboard.js";
import { ParallelExecutor, type Task } from "#src/index.js";

test("tasks that are not run again are shown as they ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "journal-"));
  let broken = true;
  const tasks: Task[] = [
    { id: "load", run: () => [1, 2, 3] },
    { id: "send", inputs: { rows: "load" }, run: () => (broken ? Promise.reject(new Error("no network")) : "sent") },
  ];
  const runs = new RunCollection();
  for (const day of ["monday", "tuesday"]) {
    const executor = new ParallelExecutor();
    if (day === "tuesday") executor.onRun((run) => runs.addRun(run, executor));
    await executor.run(tasks, { journal: folder, runId: "week", resume: true }).results;
    await executor.close();
    broken = false;
  }
  const entry = runs.get("week")!;
  const succeeded = 2;
  expect(entry.summary()).toMatchObject({ state: "succeeded", reused: 1, counts: { 5: succeeded } });
  expect(entry.detail(0)).toMatchObject({ state: "succeeded", output: "[ 1, 2, 3 ]", attempts: [] });
  expect(entry.detail(1)).toMatchObject({ state: "succeeded", output: "sent" });
  rmSync(folder, { recursive: true });
});
