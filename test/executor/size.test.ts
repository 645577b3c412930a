import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Task } from "#src/model/task.js";

describe("size", () => {
  test("a chain of 200,000 tasks that end at once does not overflow the stack, and lets the event loop turn", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const tasks: Task[] = Array.from({ length: 200_000 }, (_, index) => ({
      id: `t${index}`,
      run: () => index,
      dependsOn: index === 0 ? [] : [`t${index - 1}`],
    }));
    const results = await new ParallelExecutor().executeTasks(tasks);
    clearInterval(timer);
    expect(results.size).toBe(200_000);
    expect(results.get("t199999")).toMatchObject({ success: true, output: 199_999 });
    expect(turns).toBeGreaterThan(0);
  });

  test("a failure at the head of a chain of 100,000 skips all of it", async () => {
    const tasks: Task[] = Array.from({ length: 100_000 }, (_, index) => ({
      id: `t${index}`,
      run: () => Promise.reject(new Error("head")),
      dependsOn: index === 0 ? [] : [`t${index - 1}`],
    }));
    const results = await new ParallelExecutor().executeTasks(tasks);
    expect(results.get("t99999")).toMatchObject({ status: "skipped", reason: { rootTaskId: "t0" } });
  });

  test("an empty graph ends", async () => {
    expect((await new ParallelExecutor().executeTasks([])).size).toBe(0);
  });
});
