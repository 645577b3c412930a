/** A Redis server that is there and does not answer: a real one, stopped by a signal or asleep. */
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ParallelExecutor, TaskCache } from "#src/index.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { present } from "../support/require-component.js";

describe.runIf(present("redis"))("a Redis server that hangs", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ args: ["--enable-debug-command", "local"] });
    vi.spyOn(process, "emitWarning").mockReturnValue();
  });
  afterEach(() => {
    process.kill(server.pid, "SIGCONT");
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await server.stop();
  });

  const machine = () => new TaskCache({ redis: { url: server.url, timeout: "300ms" } });

  test("stopped: tasks run instead, local values are given, and who declares something invalid is told that others were not", async () => {
    const [cache, other] = [machine(), machine()];
    await cache.set("key", "old", { tags: ["rows"] });
    expect(await other.get("key")).toBeDefined();
    process.kill(server.pid, "SIGSTOP");
    await using executor = new ParallelExecutor({ cache });
    let ran = 0;
    const tasks = Array.from({ length: 20 }, (_, n) => ({ id: `t${n}`, cache: { version: 1 }, run: () => ++ran }));
    const results = await executor.executeTasks(tasks);
    expect([...results.values()].every(({ success }) => success)).toBe(true);
    expect(ran).toBe(20);
    expect(await cache.get("key")).toEqual({ value: "old", stale: false });
    await expect(cache.invalidate({ tag: "rows" })).rejects.toMatchObject({
      code: "NOT_INVALIDATED",
      message: expect.stringContaining("other machines may still give it"),
    });
    expect(await cache.get("key")).toBeUndefined();

    process.kill(server.pid, "SIGCONT");
    await vi.waitFor(() => cache.invalidate({ tag: "rows" }), { timeout: 30_000, interval: 200 });
    await vi.waitFor(async () => expect(await other.get("key")).toBeUndefined(), { timeout: 30_000, interval: 200 });
    for (const each of [cache, other]) await each.close();
  });

  test("asleep in a command: whoever waits is not held up by it, and what was computed meanwhile is kept here", async () => {
    const cache = machine();
    await cache.set("warm", 1);
    const sleeper = new Redis(server.url);
    const asleep = sleeper.call("DEBUG", "SLEEP", "3");
    const computed = await Promise.all(
      Array.from({ length: 50 }, (_, n) => cache.getOrCompute(`slept ${n}`, async () => n)),
    );
    expect(computed).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(await cache.get("slept 7")).toEqual({ value: 7, stale: false });
    expect(await cache.get("warm")).toEqual({ value: 1, stale: false });
    expect(await asleep).toBe("OK");
    sleeper.disconnect();
    await cache.close();
  });
});
