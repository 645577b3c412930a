import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";

describe("failures", () => {
  test("end their own task only, and dependents are skipped with the cause named", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "bad", run: () => Promise.reject(new TypeError("no such column")) },
      { id: "child", run: () => 1, dependsOn: ["bad"] },
      { id: "grandchild", run: () => 1, dependsOn: ["child"] },
      { id: "other", run: () => "fine" },
    ]);
    expect(results.get("bad")).toMatchObject({ status: "failed", reason: { kind: "error" } });
    expect(results.get("bad")?.error).toBeInstanceOf(TypeError);
    expect(results.get("grandchild")).toMatchObject({
      status: "skipped",
      attempts: 0,
      reason: { kind: "dependency", taskId: "child", status: "skipped", rootTaskId: "bad" },
    });
    expect(results.get("grandchild")?.error?.message).toBe(
      'task "grandchild" was skipped: "child" was skipped, because "bad" failed: no such column',
    );
    expect(results.get("other")).toMatchObject({ success: true, output: "fine" });
  });

  test("what is thrown and is no error is told all the same", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "text", run: () => Promise.reject("just text") },
      { id: "nothing", run: () => Promise.reject() },
    ]);
    expect(String(results.get("text")?.error)).toBe("Error: just text");
    expect(results.get("nothing")?.error).toBeInstanceOf(Error);
  });

  test("fail-fast cancels the rest, runs clean-up, and returns what was done", async () => {
    const results = await new ParallelExecutor({ failurePolicy: "fail-fast", maxConcurrentTasks: 2 }).executeTasks([
      { id: "done", run: () => 1, priority: 3 },
      { id: "bad", run: () => Promise.reject(new Error("x")), priority: 2 },
      {
        id: "running",
        run: (_inputs, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        priority: 2,
      },
      { id: "waiting", run: () => 1 },
      { id: "clean-up", run: () => "cleaned", dependsOn: ["bad", "running"], trigger: "any-failed" },
    ]);
    const statuses = Object.fromEntries([...results].map(([id, result]) => [id, result.status]));
    expect(statuses).toEqual({
      done: "succeeded",
      bad: "failed",
      running: "cancelled",
      waiting: "cancelled",
      "clean-up": "succeeded",
    });
    expect(results.get("waiting")).toMatchObject({ reason: { kind: "cancelled", by: "fail-fast" } });
  });

  test("triggers and conditions decide what runs", async () => {
    const results = await new ParallelExecutor().executeTasks([
      { id: "ok", run: () => 1 },
      { id: "bad", run: () => Promise.reject(new Error("x")) },
      {
        id: "always",
        run: (_inputs, context) => context.result("bad").status,
        dependsOn: ["bad", "ok"],
        trigger: "all-done",
      },
      { id: "alert", run: () => "alerted", dependsOn: ["ok", "bad"], trigger: "any-failed" },
      { id: "no-alert", run: () => 1, dependsOn: ["ok"], trigger: "any-failed" },
      { id: "no", run: () => 1, when: () => "not on Sundays", dependsOn: ["ok"] },
      { id: "after-no", run: () => 1, dependsOn: ["no"] },
      { id: "yes", run: () => 1, when: async (context) => context.output("ok") === 1, dependsOn: ["ok"] },
      { id: "broken", run: () => 1, when: () => Promise.reject(new Error("cannot tell")) },
    ]);
    expect(results.get("always")).toMatchObject({ output: "failed" });
    expect(results.get("alert")).toMatchObject({ output: "alerted" });
    expect(results.get("no-alert")).toMatchObject({ status: "skipped", reason: { kind: "trigger" } });
    expect(results.get("no")).toMatchObject({
      status: "skipped",
      reason: { kind: "condition", detail: "not on Sundays" },
    });
    expect(results.get("after-no")).toMatchObject({ status: "skipped", reason: { kind: "dependency", taskId: "no" } });
    expect(results.get("yes")).toMatchObject({ status: "succeeded" });
    expect(results.get("broken")).toMatchObject({ status: "failed" });
    expect(results.get("broken")?.error?.message).toBe("cannot tell");
  });
});
