import { describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { RunEvent } from "#src/model/event.js";

describe("events", () => {
  test("tell every change in order, numbered, and end with the run", async () => {
    const events: RunEvent[] = [];
    const run = new ParallelExecutor().run(
      [
        {
          id: "a",
          run: (_inputs, context) => {
            context.progress(0.5);
            context.log("half way");
          },
        },
        { id: "b", run: () => 1, dependsOn: ["a"] },
      ],
      { runId: "r1" },
    );
    for await (const event of run) events.push(event);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type, taskId }) => (taskId === undefined ? type : `${type} ${taskId}`))).toEqual([
      "run-started",
      "task-ready a",
      "attempt-started a",
      "attempt-progress a",
      "attempt-log a",
      "attempt-ended a",
      "task-ended a",
      "task-ready b",
      "attempt-started b",
      "attempt-ended b",
      "task-ended b",
      "run-ended",
    ]);
    expect(events.at(-1)).toMatchObject({ runId: "r1", counts: { succeeded: 2, failed: 0 } });
    for await (const _ of run) throw new Error("a run that has ended has no more events");
  });

  test("the first event tells the tasks and what they depend on, and an addition tells its own", async () => {
    const events: RunEvent[] = [];
    const executor = new ParallelExecutor({ monitor: { observe: (event) => void events.push(event) } });
    await executor.executeTasks([
      { id: "load:1", run: () => 1 },
      {
        id: "b",
        name: "kind",
        inputs: { rows: "load:1" },
        run: (_inputs, context) =>
          context
            .spawn([
              { id: "b[0]", run: () => 1, dependsOn: ["load:1"] },
              { id: "b[1]", run: () => 2, inputs: { x: "b[0]", y: "b[0]" } },
            ])
            .results(),
      },
    ]);
    const [started] = events;
    if (started?.type !== "run-started" || started.outline === undefined) throw new Error("no outline");
    const { outline } = started;
    const told = Array.from({ length: outline.size }, (_, task) => [
      outline.taskId(task),
      outline.name(task),
      [...Array.from(outline.dependencies(task))],
    ]);
    expect(told).toEqual([
      ["load:1", "load", []],
      ["b", "kind", [0]],
    ]);
    expect(events.find(({ type }) => type === "tasks-added")).toMatchObject({
      taskIds: ["b[0]", "b[1]"],
      added: [
        { name: "b", dependsOn: ["load:1"] },
        { name: "b", dependsOn: ["b[0]"] },
      ],
    });
  });

  test("an observer that throws does not harm the run", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const executor = new ParallelExecutor({
      monitor: {
        observe(event) {
          if (event.type === "run-started") throw new Error("observer is ill");
        },
      },
    });
    expect((await executor.executeTasks([{ id: "a", run: () => 1 }])).get("a")).toMatchObject({ success: true });
    expect((await warned).message).toContain("observer is ill");
  });
});
