import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Run } from "#src/executor/run.js";
import { command } from "#src/model/describe.js";
import type { RunEvent } from "#src/model/event.js";
import type { Task } from "#src/model/task.js";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { eventually } from "../../support/eventually.js";

let cache: TaskCache;
const executors: ParallelExecutor[] = [];

beforeEach(() => {
  cache = new TaskCache();
});

afterEach(async () => {
  await Promise.all(executors.splice(0).map((executor) => executor.close()));
  await cache.close();
});

function makeExecutor(config: object = {}): ParallelExecutor {
  const executor = new ParallelExecutor({ cache, ...config });
  executors.push(executor);
  return executor;
}

/** A task whose executions a test ends by hand. */
function held(id = "slow", more: Partial<Task> = {}) {
  const executions: { finish(output: unknown): void; fail(error: Error): void; signal: AbortSignal }[] = [];
  const task: Task = {
    id,
    name: "slow",
    cache: { version: 1 },
    run: (_inputs, { signal }) =>
      new Promise((finish, fail) => {
        executions.push({ finish, fail, signal });
      }),
    ...more,
  };
  const begun = (count: number) => eventually(() => expect(executions).toHaveLength(count));
  return { task, executions, begun };
}

function watch(run: Run): RunEvent[] {
  const events: RunEvent[] = [];
  run.observe({ observe: (event) => events.push(event) });
  return events;
}

const joined = (events: RunEvent[]) =>
  eventually(() => expect(events.filter(({ type }) => type === "attempt-started")).not.toHaveLength(0));

describe("attempts of the same key at once", () => {
  test("1,000 tasks in one run are one execution; each ends with a value of its own", async () => {
    const { task, executions, begun } = held();
    const tasks = Array.from({ length: 1000 }, (_, number) => ({ ...task, id: `slow:${number}` }));
    const run = makeExecutor({ maxConcurrentTasks: 1000 }).run(tasks);
    const events = watch(run);
    await begun(1);
    executions[0]!.finish({ rows: [1] });
    const results = await run.results;
    expect(executions).toHaveLength(1);
    expect([...results.values()].every(({ output }) => (output as { rows: number[] }).rows[0] === 1)).toBe(true);
    const served = events.flatMap((event) => (event.type === "attempt-ended" ? [event.facts?.cache] : []));
    expect(served.filter((how) => how === "miss")).toHaveLength(1);
    expect(served.filter((how) => how === "joined")).toHaveLength(999);
  });

  test("of runs of different executors are one execution", async () => {
    const { task, executions, begun } = held();
    const first = makeExecutor().run([task]);
    await begun(1);
    const second = makeExecutor().run([{ ...task, run: () => "never called" }]);
    await joined(watch(second));
    executions[0]!.finish("shared");
    const results = await Promise.all([first.results, second.results]);
    expect(results.map((result) => result.get("slow")?.output)).toEqual(["shared", "shared"]);
  });

  test("go on when the run that began them is cancelled, and end when the last is", async () => {
    const { task, executions, begun } = held();
    const first = makeExecutor().run([task]);
    await begun(1);
    const second = makeExecutor().run([task]);
    await joined(watch(second));
    first.cancel("not wanted any more");
    expect((await first.results).get("slow")).toMatchObject({ status: "cancelled" });
    expect(executions[0]!.signal.aborted).toBe(false);
    const third = makeExecutor().run([task]);
    await joined(watch(third));
    third.cancel();
    expect((await third.results).get("slow")).toMatchObject({ status: "cancelled" });
    executions[0]!.finish("for the second alone");
    expect((await second.results).get("slow")).toMatchObject({ output: "for the second alone", workerId: "cache" });

    const alone = makeExecutor().run([{ ...task, id: "alone", name: "alone" }]);
    await begun(2);
    alone.cancel();
    expect((await alone.results).get("alone")).toMatchObject({ status: "cancelled" });
    expect(executions[1]!.signal.aborted).toBe(true);
  });

  test("are executed anew by another when the executor that began them is closed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "orchestrator-joined-"));
    const script = `echo x >> started; [ $(wc -l < started) = 2 ] && echo again || sleep 60`;
    const task: Task = {
      id: "shell",
      run: command([script], { shell: true, cwd: folder, output: "text" }),
      cache: { files: [] },
    };
    const [first, second] = [makeExecutor(), makeExecutor()];
    const dying = first.run([task]);
    await eventually(() => expect(existsSync(join(folder, "started"))).toBe(true));
    const waiting = second.run([task]);
    await joined(watch(waiting));
    await first.close();
    expect((await dying.results).get("shell")).toMatchObject({ status: "cancelled" });
    expect((await waiting.results).get("shell")).toMatchObject({ output: "again" });
    await rm(folder, { recursive: true });
  });

  test("fail together, and each is tried again as it says itself", async () => {
    const { task, executions, begun } = held();
    const patient = makeExecutor().run([{ ...task, retries: { attempts: 2, delay: 0 } }]);
    await begun(1);
    const other = makeExecutor().run([task]);
    await joined(watch(other));
    executions[0]!.fail(new RangeError("too far"));
    expect((await other.results).get("slow")).toMatchObject({
      status: "failed",
      error: new RangeError("too far"),
      attempts: 1,
    });
    await begun(2);
    executions[1]!.finish("second try");
    expect((await patient.results).get("slow")).toMatchObject({ output: "second try", attempts: 2 });
  });

  test("time out each by itself", async () => {
    const { task, executions, begun } = held();
    const hasty = makeExecutor().run([{ ...task, timeout: "50ms" }]);
    await begun(1);
    const patient = makeExecutor().run([task]);
    await joined(watch(patient));
    expect((await hasty.results).get("slow")).toMatchObject({ status: "timed-out" });
    executions[0]!.finish("in time");
    expect((await patient.results).get("slow")?.output).toBe("in time");
  });

  test("a stale value is given at once, and a new one made behind it", async () => {
    const { task, executions, begun } = held("slow", { cache: { version: 1, ttl: "1ms", staleWhileRevalidate: "1h" } });
    const executor = makeExecutor();
    const first = executor.run([task]);
    await begun(1);
    executions[0]!.finish("old");
    await first.results;
    const served = async () => {
      const run = executor.run([task]);
      const events = watch(run);
      const { output } = (await run.results).get("slow")!;
      const ended = events.find(({ type }) => type === "attempt-ended") as { facts?: { cache?: string } };
      return [output, ended.facts?.cache];
    };
    await eventually(async () => expect(await served()).toEqual(["old", "stale"]));
    await begun(2);
    executions[1]!.finish("new");
    await eventually(async () => expect((await served())[0]).toBe("new"));
    // Closing ends what is made behind a value that has become stale again.
    await eventually(async () => expect((await served())[1]).toBe("stale"));
    await begun(3);
    await executor.close();
    expect(executions[2]!.signal.aborted).toBe(true);
  });
});
