import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ExecutionConfig } from "#src/executor/config.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { code, command, deferred, worker } from "#src/model/describe.js";
import { InvalidGraphError } from "#src/model/error.js";
import type { AttemptEndedEvent } from "#src/model/event.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { present } from "../../support/require-component.js";

let folder: string;
let cache: TaskCache;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orchestrator-cache-"));
  cache = new TaskCache({ directory: join(folder, "cache") });
});

afterEach(async () => {
  await cache.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs tasks; gives for each what it gave and how the cache served it. */
async function runTasks(tasks: readonly Task[] | TaskGraph, config: ExecutionConfig = { cache }) {
  await using executor = new ParallelExecutor(config);
  const run = executor.run(tasks);
  const served: Record<string, unknown> = {};
  for await (const event of run)
    if (event.type === "attempt-ended") served[event.taskId] = (event as AttemptEndedEvent).facts?.cache;
  const results = await run.results;
  const outputs = Object.fromEntries(
    [...results].map(([id, result]) => [id, result.success ? result.output : result.error.message]),
  );
  return { served, outputs, results };
}

describe("a cached function", () => {
  test("runs once for the same version and inputs, whatever its output is, and says so at each attempt's end", async () => {
    const ran: string[] = [];
    const task = (id: string, output: unknown): Task => ({
      id,
      run: () => {
        ran.push(id);
        return output;
      },
      cache: { version: 1 },
    });
    const outputs = {
      a: undefined,
      b: null,
      c: 0,
      d: { rows: new Map([["x", new Date(5)]]), n: -0 },
      e: Buffer.from("bytes"),
    };
    const tasks = Object.entries(outputs).map(([id, output]) => task(id, output));
    const first = await runTasks(tasks);
    expect(Object.values(first.served)).toEqual(Array(5).fill("miss"));
    const second = await runTasks(tasks);
    expect(Object.values(second.served)).toEqual(Array(5).fill("hit"));
    expect(second.outputs).toStrictEqual(outputs);
    expect(second.results.get("a")).toMatchObject({ status: "succeeded", attempts: 1, workerId: "cache" });
    expect(ran).toHaveLength(5);
    // The same without what is in memory.
    await cache.close();
    cache = new TaskCache({ directory: join(folder, "cache") });
    const third = await runTasks(tasks);
    expect(third.outputs).toStrictEqual(outputs);
    expect(ran).toHaveLength(5);
  });

  test("runs again where its version, its name or one of its inputs differs", async () => {
    let ran = 0;
    const variants: Task[] = [
      { id: "a", with: { x: 1 }, cache: { version: 1 }, run: () => ++ran },
      { id: "b", name: "a", with: { x: "1" }, cache: { version: 1 }, run: () => ++ran },
      { id: "c", name: "a", with: { x: 1 }, cache: { version: 2 }, run: () => ++ran },
      { id: "d", name: "a", with: { x: 1 }, cache: { version: "1" }, run: () => ++ran },
      { id: "e", name: "other", with: { x: 1 }, cache: { version: 1 }, run: () => ++ran },
      { id: "f", name: "a", with: { x: 1, y: undefined }, cache: { version: 1 }, run: () => ++ran },
    ];
    await runTasks(variants);
    expect(ran).toBe(variants.length);
    expect((await runTasks(variants)).served).toEqual({ a: "hit", b: "hit", c: "hit", d: "hit", e: "hit", f: "hit" });
  });

  test("is given outputs of other tasks by value, so that what did not change is not done again", async () => {
    const graph = (rows: number[]) => {
      const made = new TaskGraph();
      const loaded = made.task("load", () => rows);
      const sorted = made.task("sort", { loaded }, ({ loaded }) => [...loaded].sort(), { cache: { version: 1 } });
      made.task("sum", { sorted }, ({ sorted }) => sorted.reduce((sum, row) => sum + row, 0), {
        cache: { version: 1 },
      });
      return made;
    };
    await runTasks(graph([3, 1, 2]));
    const { served, outputs } = await runTasks(graph([2, 3, 1]));
    expect(served).toEqual({ load: undefined, sort: "miss", sum: "hit" });
    expect(outputs.sum).toBe(6);
  });

  test("gives each run a value of its own, which may be changed", async () => {
    const tasks: Task[] = [{ id: "list", run: () => ({ rows: [1] }), cache: { version: 1 } }];
    await runTasks(tasks);
    const { outputs } = await runTasks(tasks);
    (outputs.list as { rows: number[] }).rows.push(2);
    expect((await runTasks(tasks)).outputs.list).toEqual({ rows: [1] });
  });

  test("without a version is refused before anything starts, because its code cannot be seen", async () => {
    await using executor = new ParallelExecutor({ cache });
    const start = () => executor.run([{ id: "a", run: () => 1, cache: true }]);
    expect(start).toThrow(InvalidGraphError);
    expect(start).toThrow("task a: cache: a function of this process takes { version: ... }");
    expect(() => executor.run([{ id: "a", run: () => 1, cache: { version: 1, tll: 5 } as object }])).toThrow(
      "cache.tll: unknown option",
    );
    expect(() =>
      executor.run([{ id: "a", run: () => 1, cache: { version: 1, ttl: "soon", tags: [1] as never } }]),
    ).toThrow(/cache.ttl.*\n.*cache.tags/);
  });

  test("whose input has no value to go by runs without the cache, or fails where that was asked for", async () => {
    class Socket {}
    const warnings = vi.spyOn(process, "emitWarning").mockReturnValue();
    const tasks: Task[] = [{ id: "send", with: { to: [new Socket()] }, run: () => "sent", cache: { version: 1 } }];
    expect((await runTasks(tasks)).outputs.send).toBe("sent");
    expect((await runTasks(tasks)).served.send).toBeUndefined();
    expect(await cache.explain("send")).toMatchObject({
      outcome: "unkeyable",
      reason: expect.stringContaining("inputs.to[0] is an instance of Socket"),
    });
    await using strict = new TaskCache({ onUnkeyable: "fail" });
    const { results } = await runTasks(tasks, { cache: strict, retries: 3 });
    expect(results.get("send")).toMatchObject({ status: "failed", attempts: 1, error: { code: "NOT_KEYABLE" } });
    // What stands for the input may be named.
    const keyed: Task[] = [{ ...tasks[0]!, cache: { version: 1, key: ({ to }) => (to as unknown[]).length } }];
    await runTasks(keyed);
    expect((await runTasks(keyed)).served.send).toBe("hit");
    expect(warnings.mock.calls.filter(([warning]) => String(warning).includes('"send"'))).toHaveLength(1);
    warnings.mockRestore();
  });

  test("whose output cannot be kept faithfully is not kept, and its caller is given it all the same", async () => {
    class Model {
      weights = [1];
    }
    const tasks: Task[] = [{ id: "train", run: () => new Model(), cache: { version: 1 } }];
    for (const _ of [1, 2]) {
      const { served, outputs } = await runTasks(tasks);
      expect(served.train).toBe("miss");
      expect(outputs.train).toBeInstanceOf(Model);
    }
    expect(await cache.stats()).toMatchObject({ unstorable: 2 });
  });

  test("is cached in memory of its executor where that was given no cache, and not at all with cache: false", async () => {
    let ran = 0;
    const tasks: Task[] = [{ id: "a", run: () => ++ran, cache: { version: 1 } }];
    await using executor = new ParallelExecutor();
    for (const _ of [1, 2]) expect((await executor.executeTasks(tasks)).get("a")?.output).toBe(1);
    const { served, outputs } = await runTasks(tasks, { cache: false });
    expect([served.a, outputs.a]).toEqual([undefined, 2]);
  });

  test("keeps a failure only where that was asked for, and gives it back as itself", async () => {
    let ran = 0;
    const failing = (cached: Task["cache"]): Task[] => [
      {
        id: "fails",
        cache: cached!,
        run: () => {
          ran++;
          throw Object.assign(new RangeError("too far"), { distance: 7 });
        },
      },
    ];
    for (const _ of [1, 2]) expect((await runTasks(failing({ version: 1 }))).served.fails).toBe("miss");
    expect(ran).toBe(2);
    const tasks = failing({ version: 2, failures: "1h" });
    await runTasks(tasks);
    const { served, results } = await runTasks(tasks);
    expect([ran, served.fails]).toEqual([3, "hit"]);
    const { error } = results.get("fails")!;
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      message: "too far",
      distance: 7,
      stack: expect.stringContaining("cached-tasks.test"),
    });
  });
});

describe("cached work of other kinds", () => {
  async function writeModule(files: Readonly<Record<string, string>>): Promise<URL> {
    for (const [name, source] of Object.entries(files)) await writeFile(join(folder, name), source);
    return pathToFileURL(join(folder, "task.mjs"));
  }

  test("a module is known by its files and those that it imports, and its results are not kept once they have changed", async () => {
    const files = {
      "task.mjs": 'import { by } from "./by.mjs"; export const times = ({ x }) => x * by;',
      "by.mjs": "export const by = 2;",
    };
    const url = await writeModule(files);
    const tasks: Task[] = [{ id: "times", with: { x: 21 }, run: worker(url, "times"), cache: true }];
    expect((await runTasks(tasks)).served.times).toBe("miss");
    expect(await runTasks(tasks)).toMatchObject({ served: { times: "hit" }, outputs: { times: 42 } });
    await writeFile(join(folder, "by.mjs"), "export const by = 3;");
    // Another executor knows nothing of the module yet.
    expect(await runTasks(tasks)).toMatchObject({ served: { times: "miss" }, outputs: { times: 63 } });
    await using executor = new ParallelExecutor({ cache });
    await executor.executeTasks(tasks);
    await writeFile(join(folder, "by.mjs"), "export const by = 4;");
    // Its worker has the old code, so what it gives now is nobody's to keep.
    const other = [{ ...tasks[0]!, with: { x: 1 } }];
    await executor.executeTasks(other);
    expect((await runTasks(other)).served.times).toBe("miss");
  });

  test("a command is known by its arguments, folder, variables, program and the files that it is given", async () => {
    await writeFile(join(folder, "words.txt"), "one two");
    const count = (env: Record<string, string> = {}): Task[] => [
      { id: "count", run: command(["wc", "-w", "words.txt"], { cwd: folder, env, output: "text" }), cache: true },
    ];
    expect(await runTasks(count())).toMatchObject({ served: { count: "miss" }, outputs: { count: "2 words.txt" } });
    expect((await runTasks(count())).served.count).toBe("hit");
    expect((await runTasks(count({ LC_ALL: "C" }))).served.count).toBe("miss");
    await writeFile(join(folder, "words.txt"), "one two three");
    expect(await runTasks(count())).toMatchObject({ served: { count: "miss" }, outputs: { count: "3 words.txt" } });
    expect(await cache.explain("count")).toMatchObject({ outcome: "miss", changed: ["work"] });
  });

  test("declared files and folders are part of the key by their contents", async () => {
    await writeFile(join(folder, "data.csv"), "1");
    const tasks: Task[] = [
      {
        id: "read",
        run: () => "done",
        cache: { version: 1, files: [join(folder, "data.csv"), join(folder, "absent")] },
      },
    ];
    expect((await runTasks(tasks)).served.read).toBe("miss");
    expect((await runTasks(tasks)).served.read).toBe("hit");
    await writeFile(join(folder, "data.csv"), "2");
    expect((await runTasks(tasks)).served.read).toBe("miss");
    expect(await cache.explain("read")).toMatchObject({
      changed: ["files"],
      reason: "files differs from the last time",
    });
    await writeFile(join(folder, "absent"), "");
    expect((await runTasks(tasks)).served.read).toBe("miss");
  });

  test("deferred work is known by what it turns out to be", async () => {
    const tasks = (word: string): Task[] => [
      { id: "word", run: () => word },
      {
        id: "say",
        dependsOn: ["word"],
        run: deferred({
          resolve: ({ output }) => ({ work: command(["echo", output("word") as string], { output: "text" }) }),
        }),
        cache: true,
      },
    ];
    await runTasks(tasks("hello"));
    expect(await runTasks(tasks("hello"))).toMatchObject({ served: { say: "hit" }, outputs: { say: "hello" } });
    expect(await runTasks(tasks("bye"))).toMatchObject({ served: { say: "miss" }, outputs: { say: "bye" } });
  });

  test.runIf(present("linux", "bubblewrap", "python"))("code is known by its source, packages and walls", async () => {
    const tasks = (source: string, timeLimit = 30): Task[] => [
      { id: "code", run: code("python", source, { sandbox: { timeLimit } }), cache: true },
    ];
    await runTasks(tasks("result = 6 * 7"));
    expect(await runTasks(tasks("result = 6 * 7"))).toMatchObject({ served: { code: "hit" }, outputs: { code: 42 } });
    expect((await runTasks(tasks("result = 6 * 8"))).served.code).toBe("miss");
    expect((await runTasks(tasks("result = 6 * 7", 20))).served.code).toBe("miss");
  });

  test("items of forEach are cached one by one", async () => {
    let ran = 0;
    const graph = (items: number[]) => {
      const made = new TaskGraph();
      made.forEach(
        "double",
        { items },
        ({ item }) => {
          ran++;
          return item * 2;
        },
        { cache: { version: 1 } },
      );
      return made;
    };
    await runTasks(graph([1, 2]));
    expect((await runTasks(graph([2, 1, 3]))).outputs.double).toEqual([4, 2, 6]);
    // The key has the place in the list too, because the function is given it.
    expect(ran).toBe(5);
  });
});
