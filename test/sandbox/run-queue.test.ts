import { expect, test } from "vitest";
import { RunQueue } from "#src/sandbox/run-queue.js";

/** A piece of work that ends when the test says. */
function held(queue: RunQueue, name: string, log: string[], signal?: AbortSignal) {
  let release!: () => void;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const done = queue.run(async () => {
    log.push(`${name} starts`);
    await gate;
    log.push(`${name} ends`);
    return name;
  }, signal);
  done.catch(() => {});
  return { done, release };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

test("as many run as may, the others in the order in which they came", async () => {
  const queue = new RunQueue(2, 10);
  const log: string[] = [];
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => held(queue, name, log));
  await turns();
  expect(log).toEqual(["a starts", "b starts"]);
  expect([queue.running, queue.waiting]).toEqual([2, 2]);
  b!.release();
  await b!.done;
  await turns();
  expect(log.slice(2)).toEqual(["b ends", "c starts"]);
  for (const piece of [a, c, d]) piece!.release();
  expect(await Promise.all([a, c, d].map((piece) => piece!.done))).toEqual(["a", "c", "d"]);
  expect([queue.running, queue.waiting]).toEqual([0, 0]);
});

test("a full queue refuses, and goes on when there is room again", async () => {
  const queue = new RunQueue(1, 1);
  const log: string[] = [];
  const first = held(queue, "first", log);
  const second = held(queue, "second", log);
  await expect(held(queue, "third", log).done).rejects.toMatchObject({ code: "QUEUE_FULL" });
  first.release();
  await first.done;
  const fourth = held(queue, "fourth", log);
  for (const piece of [second, fourth]) piece.release();
  expect(await Promise.all([second.done, fourth.done])).toEqual(["second", "fourth"]);
});

test("work that throws gives its place back", async () => {
  const queue = new RunQueue(1, 10);
  await expect(queue.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await queue.run(async () => "next")).toBe("next");
});

test("a signal takes a waiting piece out of its turn, at once and once", async () => {
  const queue = new RunQueue(1, 10);
  const log: string[] = [];
  const first = held(queue, "first", log);
  const controller = new AbortController();
  const waiting = held(queue, "waiting", log, controller.signal);
  await turns();
  controller.abort();
  await turns();
  expect(log).toEqual(["first starts", "waiting starts"]);
  for (const piece of [waiting, first]) piece.release();
  await Promise.all([waiting.done, first.done]);
  expect([queue.running, queue.waiting]).toEqual([0, 0]);
});

test("a closed queue refuses what waits, and waits for what runs", async () => {
  const queue = new RunQueue(1, 10);
  const log: string[] = [];
  const running = held(queue, "running", log);
  const waiting = held(queue, "waiting", log);
  await turns();
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  await expect(waiting.done).rejects.toMatchObject({ code: "EXECUTOR_CLOSED" });
  await expect(queue.run(async () => 1)).rejects.toMatchObject({ code: "EXECUTOR_CLOSED" });
  await turns();
  expect(closed).toBe(false);
  running.release();
  await closing;
  expect(log).toEqual(["running starts", "running ends"]);
});
