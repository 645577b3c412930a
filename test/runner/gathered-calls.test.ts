/** Calls of one turn that travel to their thread in one message are still taken one by one. */
import { afterEach, expect, it } from "vitest";
import { worker } from "#src/model/describe.js";
import { ThreadRunner, type ThreadRunnerOptions } from "#src/runner/thread/thread-runner.js";
import { attempt, failureOf, outputOf, type Recorded } from "./attempt.js";

const tasks = new URL("./fixtures/tasks.mjs", import.meta.url);
const task = (name: string) => worker(tasks, name);

let runner: ThreadRunner;
afterEach(() => runner.close());

/** A runner of one thread, which is warm. */
async function warm(options: ThreadRunnerOptions = {}): Promise<ThreadRunner> {
  runner = new ThreadRunner({ maxWorkers: 1, ...options }, { gathersCalls: true });
  await outputOf(attempt(runner, task("add"), { a: 0, b: 0 }));
  return runner;
}

const add = (a: number): Recorded => attempt(runner, task("add"), { a, b: 1 });

it("gives them all what they ask for, in order", async () => {
  await warm();
  const all = Array.from({ length: 200 }, (_, a) => add(a));
  expect(await Promise.all(all.map(outputOf))).toEqual(all.map((_, a) => a + 1));
});

it("takes what ended before the thread did, and gives what had not begun to another, without a loss", async () => {
  await warm({ tasksPerWorker: 1 });
  const before = [add(1), add(2)];
  const guilty = attempt(runner, task("throwLater"));
  const after = [add(3), add(4), add(5)];
  expect((await failureOf(guilty)).reason).toMatchObject({ kind: "worker-exited" });
  expect(await Promise.all([...before, ...after].map(outputOf))).toEqual([2, 3, 4, 5, 6]);
  expect(after.map(({ story }) => story)).toEqual(after.map(() => ["started thread-2", "succeeded"]));
});

it("refuses only those whose inputs cannot be cloned", async () => {
  await warm();
  const neighbours = [add(1), add(2)];
  const refused = attempt(runner, task("echo"), { callback: () => 1 });
  neighbours.push(add(3));
  const { error, reason, retryable } = await failureOf(refused);
  expect({ reason, retryable }).toEqual({ reason: { kind: "not-serialisable" }, retryable: false });
  expect(error).toMatchObject({ code: "NOT_SERIALISABLE" });
  expect(refused.story).toEqual(["failed"]);
  expect(await Promise.all(neighbours.map(outputOf))).toEqual([2, 3, 4]);
});

it("stops what is aborted before it leaves, and keeps its room for others", async () => {
  await warm();
  for (let round = 0; round < 5; round++) {
    const aborted = Array.from({ length: 40 }, (_, index) =>
      attempt(runner, task("echo"), index % 2 === 0 ? { index } : { callback: () => 1 }),
    );
    for (const { control } of aborted) control.abort(new Error("not wanted any more"));
    const wanted = add(round);
    expect((await Promise.all(aborted.map(({ ended }) => ended))).map(({ end }) => end)).toEqual(
      aborted.map(() => "stopped"),
    );
    expect(await outputOf(wanted)).toBe(round + 1);
  }
});

it("tells a beginning before the call has ended", async () => {
  await warm();
  const before = add(1);
  const hanging = attempt(runner, task("spin"), {}, { timeoutMs: 60_000 });
  expect(await hanging.started).toBe("thread-1");
  expect(await outputOf(before)).toBe(2);
  hanging.control.abort(new Error("too long"));
  expect((await hanging.ended).end).toBe("stopped");
});
