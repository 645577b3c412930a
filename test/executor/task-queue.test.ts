import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TaskQueue } from "#src/executor/task-queue.js";
import { turns } from "../support/turns.js";

describe("TaskQueue", () => {
  test("gives the highest priority first, and equals in the order in which they came", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 60 }), async (priorities) => {
        const queue = new TaskQueue<number>({ capacity: 100 });
        for (const [index, priority] of priorities.entries()) await queue.push(index, { priority });
        queue.close();
        const taken: number[] = [];
        for await (const item of queue) taken.push(item);
        const expected = [...priorities.keys()].sort(
          (left, right) => priorities[right]! - priorities[left]! || left - right,
        );
        expect(taken).toEqual(expected);
      }),
    );
  });

  test("holds producers back while it is full, and consumers while it is empty", async () => {
    const queue = new TaskQueue<string>({ capacity: 2 });
    const events: string[] = [];
    const push = (item: string) => queue.push(item).then(() => void events.push(`pushed ${item}`));
    void push("a");
    void push("b");
    void push("c");
    await turns();
    expect(events).toEqual(["pushed a", "pushed b"]);
    expect(queue.tryPush("d")).toBe(false);
    expect(queue.tryTake()).toBe("a");
    await turns();
    expect(events).toEqual(["pushed a", "pushed b", "pushed c"]);
    expect(queue.size).toBe(2);
    queue.tryTake();
    queue.tryTake();
    const waiting = queue.take();
    await push("e");
    expect(await waiting).toEqual({ done: false, value: "e" });
    expect(queue.tryTake()).toBeUndefined();
  });

  test("closed, it takes nothing, gives what is left, and lets everybody go", async () => {
    const queue = new TaskQueue<number>({ capacity: 1 });
    await queue.push(1);
    const blocked = queue.push(2);
    queue.close();
    queue.close();
    await expect(blocked).rejects.toMatchObject({ code: "QUEUE_CLOSED" });
    await expect(queue.push(3)).rejects.toMatchObject({ code: "QUEUE_CLOSED" });
    expect(await queue.take()).toEqual({ done: false, value: 1 });
    expect(await queue.take()).toEqual({ done: true, value: undefined });
    const empty = new TaskQueue<number>();
    const waiting = empty.take();
    empty.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test("a signal takes a waiting producer or consumer out of the line, and no item is lost", async () => {
    const queue = new TaskQueue<number>({ capacity: 1 });
    const controller = new AbortController();
    const take = queue.take({ signal: controller.signal });
    controller.abort(new Error("gone"));
    await expect(take).rejects.toThrow("gone");
    await queue.push(1);
    const pushing = new AbortController();
    const push = queue.push(2, { signal: pushing.signal });
    pushing.abort(new Error("gave up"));
    await expect(push).rejects.toThrow("gave up");
    expect([queue.tryTake(), queue.tryTake()]).toEqual([1, undefined]);
  });

  test("every item reaches exactly one of many consumers", async () => {
    const queue = new TaskQueue<number>({ capacity: 3 });
    const seen: number[] = [];
    const consumers = Array.from({ length: 4 }, async () => {
      for await (const item of queue) {
        seen.push(item);
        await turns();
      }
    });
    for (let item = 0; item < 100; item++) await queue.push(item);
    queue.close();
    await Promise.all(consumers);
    expect(seen.sort((left, right) => left - right)).toEqual(Array.from({ length: 100 }, (_, item) => item));
  });

  test("refuses a capacity below 1 and a priority that is no number", () => {
    expect(() => new TaskQueue({ capacity: 0 })).toThrow(/TaskQueue.capacity: takes an integer from 1, got 0/);
    expect(() => new TaskQueue().tryPush(1, { priority: Number.NaN })).toThrow(RangeError);
  });
});
