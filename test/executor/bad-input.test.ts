import { describe, expect, test } from "vitest";
import type { ExecutionConfig } from "#src/executor/config.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { code, command } from "#src/model/describe.js";
import { InvalidGraphError, InvalidOptionError } from "#src/model/error.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";

function problemsOf(graph: unknown, config: ExecutionConfig = {}): string[] {
  try {
    new ParallelExecutor(config).run(graph as Task[]);
    return [];
  } catch (error) {
    return (error as InvalidGraphError).problems.map(({ where, message }) => `${where}: ${message}`);
  }
}

describe("bad input starts nothing", () => {
  test("and all of it is told at once", () => {
    let started = 0;
    const run = () => void started++;
    const graph = [
      { id: "a", run, dependsOn: ["c"] },
      { id: "b", run, dependsOn: ["a"] },
      { id: "c", run, dependsOn: ["b"] },
      { id: "load", run, dependsOn: ["laod"] },
      { id: "load", run },
      {
        id: "x",
        run: 3,
        retries: -1,
        prio: 1,
        timeout: "soon",
        trigger: "never",
        priority: 1.5,
        expectedDuration: -1,
        resources: { memory: "lots" },
      },
    ] as unknown as Task[];
    const executor = new ParallelExecutor();
    expect(() => executor.run(graph)).toThrow(InvalidGraphError);
    try {
      executor.run(graph);
    } catch (error) {
      const problems = (error as InvalidGraphError).problems.map(({ where, message }) => `${where}: ${message}`);
      expect(problems.sort()).toMatchInlineSnapshot(`
        [
          "graph: has a cycle: b -> c -> a -> b",
          "task load: depends on "laod", which is not in the graph; did you mean "load"?",
          "task load: has the same id as another task of the graph; ids are unique",
          "task x: expectedDuration: -1 is not a finite number from 0; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"",
          "task x: prio: unknown option; did you mean "priority"?",
          "task x: priority: takes an integer from -1000000 to 1000000, got 1.5",
          "task x: resources.memory: "lots" has no known unit; takes bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)",
          "task x: retries: takes an integer from 0 to 1000000 or a retry policy, got -1",
          "task x: run: takes a function, or work made by worker(), subprocess(), command(), code(), batch() or deferred()",
          "task x: timeout: "soon" has no known unit; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"",
          "task x: trigger: takes one of all-succeeded, all-done, any-failed, got "never"",
        ]
      `);
    }
    expect(started).toBe(0);
  });

  test("of a configuration, with the option's name and what it takes", () => {
    const config = {
      maxWorkers: 0,
      maxConcurrentTasks: 2.5,
      taskTimout: 3,
      mode: "quick",
      resourceLimits: { maxMemory: "4 elephants", cpu: 2 },
      retries: { attempts: 0 },
    };
    expect(() => new ParallelExecutor(config as never)).toThrow(InvalidOptionError);
    try {
      new ParallelExecutor(config as never);
    } catch (error) {
      expect((error as Error).message).toMatchInlineSnapshot(`
        "invalid option: 7 problems
          - taskTimout: unknown option; did you mean "taskTimeout"?
          - mode: takes one of "sequential", "parallel", "sandboxed", got "quick"
          - maxConcurrentTasks: takes an integer from 1 to 1000000, got 2.5
          - maxWorkers: takes an integer from 1 to 1024, got 0
          - resourceLimits.cpu: is given as maxCpuCores
          - resourceLimits.maxMemory: "4 elephants" has no known unit; takes bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)
          - retries.attempts: takes an integer from 1 to 1000000, got 0"
      `);
    }
  });

  test("of a run's options", () => {
    expect(() => new ParallelExecutor().run([], { runId: "a/b" })).toThrow(/run.runId: takes 1 to 200 letters/);
    expect(() => new ParallelExecutor().run([null as never])).toThrow(
      /tasks\[0\]: takes a task, an object with id and run, got null/,
    );
    expect(() => new ParallelExecutor().run({} as never)).toThrow(
      /tasks: takes an array of tasks or a TaskGraph, got an object/,
    );
    expect(() => new ParallelExecutor().run(Promise.resolve([]) as never)).toThrow(
      /got a promise, which is to be awaited/,
    );
    expect(() => new ParallelExecutor(8 as never)).toThrow("invalid option: options: takes an object, got 8");
  });

  test("mode sandboxed refuses what cannot be sandboxed", () => {
    expect(() => new ParallelExecutor({ mode: "sandboxed" }).run([{ id: "a", run: () => 1 }])).toThrow(
      /a function cannot be sandboxed/,
    );
  });

  test("of a task without an id, by its place", () => {
    const tasks = [{ id: "a", run: () => 1 }, { run: () => 2 }, { id: "", run: () => 3 }];
    expect(problemsOf(tasks)).toEqual([
      "tasks[1]: id: takes a string of 1 to 500 characters, got nothing",
      'tasks[2]: id: takes a string of 1 to 500 characters, got ""',
    ]);
  });

  test("beyond the limits, in the units in which it was asked for", () => {
    const tasks = [{ id: "big", run: () => 1, resources: { memory: "8GB", cpu: 3, gpu: 1 } }];
    expect(problemsOf(tasks, { resourceLimits: { maxMemory: "512MiB", maxCpuCores: 2 } })).toEqual([
      "task big: asks for 8 GB of memory, but the limit is 512 MiB: it could never start",
      "task big: asks for 3 of cpu, but the limit is 2: it could never start",
      'task big: asks for the resource "gpu", which resourceLimits does not name; known: cpu, memory',
    ]);
  });

  test("of a command's options", () => {
    const options = { cwdd: "/", env: { "A=": "1", B: 2 }, killGrace: "soon", output: "xml", successCodes: [300] };
    expect(problemsOf([{ id: "list", run: command(["ls"], options as never) }])).toEqual([
      'task list: command.cwdd: unknown option; did you mean "cwd"?',
      'task list: command.env: "A=" is no name of a variable',
      "task list: command.env.B: takes a text without NUL",
      "task list: command.successCodes: takes an array of integers from 0 to 255",
      'task list: command.killGrace: "soon" has no known unit; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"',
      'task list: command.output: takes one of "result", "text", "json", got "xml"',
    ]);
    expect(() => command("ls -l" as never)).toThrow('a line for the shell is command(["ls -l"], { shell: true })');
  });

  test("of what each item and iteration would be", () => {
    const graph = new TaskGraph();
    graph.forEach("each", { items: [1, 2] }, command(["ls"], { output: "xml" as never }), {
      retries: -1,
      timeout: "soon",
    });
    graph.loop("again", {}, () => 1, { until: () => true, maxIterations: 3, resources: { cpu: 99 } });
    expect(problemsOf(graph, { resourceLimits: { maxCpuCores: 2 } })).toEqual([
      'task each: command.output: takes one of "result", "text", "json", got "xml"',
      'task each: timeout: "soon" has no known unit; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"',
      "task each: retries: takes an integer from 0 to 1000000 or a retry policy, got -1",
      "task again: asks for 99 of cpu, but the limit is 2: it could never start",
    ]);
    const items = { items: "text" as unknown as string[] };
    expect(() => graph.forEach("wrong", items, ({ item }) => item, { concurrency: 0 })).toThrow(
      /items: takes an array, or the handle of a task, got "text"\n.*concurrency: takes an integer from 1, got 0/,
    );
  });

  test("of code and its sandbox, before the first task starts", async () => {
    let started = 0;
    const graph = new TaskGraph();
    graph.task("first", () => void started++);
    graph.task("cobol", code("cobol", "x"));
    graph.task("python", code("python", "1", { sandbox: { memoryLimi: 3 } as never }), {
      sandbox: { timeLimit: "soon" },
    });
    graph.forEach("each", { items: [1] }, code("python", "1", { output: "all" as never }));
    const executor = new ParallelExecutor({ sandbox: { cpuQuota: 1 } });
    await using run = executor.run(graph);
    const error = await run.results.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(InvalidGraphError);
    const quota = "sandbox.cpuQuota: takes an integer from 1000 to 100000000, got 1";
    expect((error as InvalidGraphError).problems.map(({ where, message }) => `${where}: ${message}`)).toEqual([
      'task cobol: language: takes one of python, javascript, bash, got "cobol"',
      `task cobol: ${quota}`,
      'task python: sandbox.memoryLimi: unknown option; did you mean "memoryLimit"?',
      `task python: ${quota}`,
      'task python: sandbox.timeLimit: "soon" has no known unit; takes seconds as a number, or a string such as "250ms", "30s", "5m", "1h"',
      `task each: ${quota}`,
      'task each: output: takes one of "value", "result", got "all"',
    ]);
    expect(started).toBe(0);
    await executor.close();
  });
});
