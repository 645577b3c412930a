/** A run that is gone on with: what is taken over, what runs again, and why. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type ExecutionResult,
  ParallelExecutor,
  type RunEvent,
  readJournal,
  type Task,
  TaskGraph,
} from "#src/index.js";

let folder: string;
let ran: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-"));
  ran = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One process's part: a new executor, as a new process would have. */
async function execute(tasks: readonly Task[] | TaskGraph, options: { resume?: boolean | "unfinished" } = {}) {
  const executor = new ParallelExecutor({ maxConcurrentTasks: 4 });
  const run = executor.run(tasks, { journal: folder, runId: "r", resume: true, ...options });
  const events: RunEvent[] = [];
  run.observe({ observe: (event) => void events.push(event) });
  const results = await run.results;
  const resumed = await run.resumed;
  await executor.close();
  expect(run.journalError).toBeUndefined();
  return { results, resumed, events };
}

function note<Output>(id: string, output: Output, options: Partial<Task> = {}): Task {
  return {
    id,
    run: () => {
      ran.push(id);
      if (output instanceof Error) throw output;
      return output;
    },
    ...options,
  };
}

/** What a result tells that must be the same after a resume: everything. */
function facts(results: ReadonlyMap<string, ExecutionResult>): unknown {
  return Array.from(results, ([id, result]) => ({ id, ...result }));
}

describe("what succeeded is not run again, and its result is what it was", () => {
  test("outputs of every kind, large ones included, and all times", async () => {
    const value = { map: new Map([[{ a: 1 }, new Set([Number.NaN])]]), at: new Date(5), none: undefined };
    const tasks = [
      note("plain", value),
      note("large", "x".repeat(1_000_000)),
      note("error", new RangeError("returned"), { run: () => new RangeError("returned") }),
      note("after", 1, { dependsOn: ["plain", "large"], name: "kind" }),
    ];
    const first = await execute(tasks);
    expect(ran).toEqual(["plain", "large", "after"]);
    const second = await execute(tasks);
    expect(ran).toHaveLength(3);
    expect(second.resumed).toMatchObject({ resumes: 1, reused: ["plain", "large", "error", "after"], rerun: [] });
    expect(facts(second.results)).toStrictEqual(facts(first.results));
    expect(facts(readJournal(join(folder, "r")).results())).toStrictEqual(facts(first.results));
  });

  test("skips by condition and trigger stay, with what was skipped for them", async () => {
    const tasks = [
      note("a", 1),
      note("b", 2, { dependsOn: ["a"], when: () => "not today" }),
      note("c", 3, { dependsOn: ["b"] }),
      note("alarm", 4, { dependsOn: ["a"], trigger: "any-failed" }),
      note("clean", 5, { dependsOn: ["c"], trigger: "all-done" }),
    ];
    const first = await execute(tasks);
    const second = await execute(tasks);
    expect(ran).toEqual(["a", "clean"]);
    expect(second.resumed!.reused).toEqual(["a", "b", "c", "alarm", "clean"]);
    expect(facts(second.results)).toStrictEqual(facts(first.results));
  });

  test("a resumed run tells the restored results as events", async () => {
    const tasks = [note("a", 1), note("b", new Error("no"), { dependsOn: ["a"] })];
    await execute(tasks);
    const { events } = await execute(tasks);
    expect(events.map(({ type, taskId }) => (taskId === undefined ? type : `${type} ${taskId}`))).toEqual([
      "run-started",
      "run-resumed",
      "task-restored a",
      "task-ready b",
      "attempt-started b",
      "attempt-ended b",
      "task-ended b",
      "run-ended",
    ]);
  });
});

describe("what failed", () => {
  const failing = () => [
    note("a", 1),
    note("b", new TypeError("no"), { dependsOn: ["a"], retries: { attempts: 2, delay: 0 } }),
    note("c", 3, { dependsOn: ["b"] }),
    note("clean", 4, { dependsOn: ["b"], trigger: "all-done" }),
  ];

  test("is run again with all that hangs on it; attempts are counted on, and none is charged", async () => {
    await execute(failing());
    expect(ran).toEqual(["a", "b", "b", "clean"]);
    ran = [];
    const { results, resumed } = await execute(failing());
    expect(ran).toEqual(["b", "b", "clean"]);
    expect(results.get("b")).toMatchObject({ status: "failed", attempts: 4 });
    expect(resumed!.rerun).toEqual([
      { taskId: "b", cause: "not-succeeded", detail: "it failed" },
      { taskId: "c", cause: "upstream", detail: '"b", which it depends on, runs again' },
      { taskId: "clean", cause: "upstream", detail: '"b", which it depends on, runs again' },
    ]);
  });

  test('stays as it was with resume: "unfinished"', async () => {
    const first = await execute(failing());
    const second = await execute(failing(), { resume: "unfinished" });
    expect(ran).toEqual(["a", "b", "b", "clean"]);
    expect(second.resumed!.reused).toEqual(["a", "b", "c", "clean"]);
    expect(Array.from(second.results.values(), ({ status, attempts }) => [status, attempts])).toEqual(
      Array.from(first.results.values(), ({ status, attempts }) => [status, attempts]),
    );
    const failure = second.results.get("b")!.error!;
    expect(failure).toBeInstanceOf(TypeError);
    expect(failure.message).toBe("no");
    expect(second.results.get("c")!.error!.message).toBe(first.results.get("c")!.error!.message);
  });
});

describe("a graph that changed is compared task by task", () => {
  const graph = (change: { work?: string; constant?: number; extra?: boolean } = {}) => [
    note("a", 1),
    change.work === undefined
      ? note("b", 2, { dependsOn: ["a"] })
      : note("b", 2, { dependsOn: ["a"], version: change.work }),
    note("c", 3, { dependsOn: ["b"] }),
    note("d", 4, { dependsOn: ["a"], with: { n: change.constant ?? 1 } }),
    note("e", 5, { dependsOn: change.extra === true ? ["d", "a"] : ["d"] }),
  ];

  test("nothing changed: nothing runs, also where options that change no output did", async () => {
    await execute(graph());
    ran = [];
    const { resumed } = await execute(graph().map((task) => ({ ...task, priority: 3, timeout: 60, retries: 2 })));
    expect(ran).toEqual([]);
    expect(resumed!.reused).toHaveLength(5);
  });

  test("a changed task runs again, and all that hangs on it, and nothing else", async () => {
    await execute(graph());
    ran = [];
    const { resumed } = await execute(graph({ work: "2" }));
    expect(ran).toEqual(["b", "c"]);
    expect(resumed!.reused).toEqual(["a", "d", "e"]);
    expect(resumed!.rerun).toEqual([
      { taskId: "b", cause: "changed", detail: "its work changed" },
      { taskId: "c", cause: "upstream", detail: '"b", which it depends on, runs again' },
    ]);
  });

  test("constants and dependencies are told apart; a new task runs, one that is gone is told", async () => {
    await execute([...graph(), note("gone", 1)]);
    ran = [];
    const { resumed } = await execute([note("new", 1), ...graph({ constant: 2, extra: true })]);
    expect(ran).toEqual(["d", "new", "e"]);
    expect(resumed).toMatchObject({ reused: ["a", "b", "c"], unfinished: 1, dropped: ["gone"] });
    expect(resumed!.rerun.map(({ detail }) => detail)).toEqual(["its constants changed", "what it depends on changed"]);
  });

  test("another function is another work, and so is another condition", async () => {
    const a = (run: Task["run"], when?: Task["when"]): Task[] => [{ id: "a", run, ...(when && { when }) }];
    await execute(a(() => 1));
    expect((await execute(a(() => 2))).resumed!.rerun[0]!.detail).toBe("its work changed");
    expect(
      (
        await execute(
          a(
            () => 2,
            () => true,
          ),
        )
      ).resumed!.rerun[0]!.detail,
    ).toContain("condition");
    expect(
      (
        await execute(
          a(
            () => 2,
            () => true,
          ),
        )
      ).resumed!.rerun,
    ).toEqual([]);
  });
});

describe("tasks that tasks add", () => {
  const sum = (work: (n: number) => number) => {
    const graph = new TaskGraph("sum");
    const squares = graph.forEach("square", { items: [1, 2, 3] }, ({ item }) => {
      ran.push(`square ${item}`);
      return work(item);
    });
    graph.task("sum", { squares }, ({ squares }) => squares.reduce((total, n) => total + n, 0));
    return graph;
  };

  test("stay with the task that added them", async () => {
    const first = await execute(sum((n) => n * n));
    ran = [];
    const second = await execute(sum((n) => n * n));
    expect(ran).toEqual([]);
    expect(second.resumed!.reused).toEqual(["square", "sum", "square[0]", "square[1]", "square[2]"]);
    expect(facts(second.results)).toStrictEqual(facts(first.results));
    const third = await execute(sum((n) => n * n));
    expect(facts(third.results)).toStrictEqual(facts(first.results));
  });

  test("that succeeded are not run again where the task that adds them is", async () => {
    const failing = (n: number) => {
      if (n === 2 && ran.filter((text) => text === "square 2").length === 1) throw new Error("once");
      return n * n;
    };
    const first = await execute(sum(failing));
    expect(first.results.get("sum")!.status).toBe("skipped");
    const second = await execute(sum(failing));
    expect(ran).toEqual(["square 1", "square 2", "square 3", "square 2"]);
    expect(second.results.get("sum")).toMatchObject({ output: 14 });
    expect(second.results.get("square[1]")).toMatchObject({ attempts: 2 });
    const third = await execute(sum(failing));
    expect(third.resumed!.rerun).toEqual([]);
    expect(facts(third.results)).toStrictEqual(facts(second.results));
  });
});

test("a run that is there already is not begun again without being told to", async () => {
  await execute([note("a", 1)]);
  await expect(execute([note("a", 1)], { resume: false })).rejects.toMatchObject({ code: "JOURNAL_EXISTS" });
});

test("an output that would not come back as it was fails its task before anything starts for it", async () => {
  const { results } = await execute([
    note("a", { rows: [{ read: () => 1 }] }, { retries: 3 }),
    note("b", 2, { dependsOn: ["a"] }),
  ]);
  expect(ran).toEqual(["a"]);
  expect(results.get("a")).toMatchObject({
    status: "failed",
    attempts: 1,
    reason: { kind: "not-serialisable" },
    error: { code: "NOT_SERIALISABLE", message: expect.stringContaining("at output.rows[0].read, the function read") },
  });
});
