import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { eventually } from "../../support/eventually.js";
import { freePort, type RedisServer, startRedis } from "../../support/redis-server.js";
import { present } from "../../support/require-component.js";

describe.runIf(present("redis"))("the tier that machines share", () => {
  let server: RedisServer;
  let client: Redis;
  const open: TaskCache[] = [];

  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.url);
  });

  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  beforeEach(async () => {
    await client.flushall();
    vi.spyOn(process, "emitWarning").mockReturnValue();
  });

  afterEach(async () => {
    for (const cache of open.splice(0)) await cache.close();
    vi.restoreAllMocks();
  });

  /** A machine of its own: nothing in common but the server. */
  function machine(options: object = {}): TaskCache {
    const cache = new TaskCache({ redis: server.url, ...options });
    open.push(cache);
    return cache;
  }

  test("gives one machine what another has kept, with its lifetime", async () => {
    const [one, other] = [machine(), machine()];
    const value = { rows: new Map([[1, new Date(3)]]) };
    await one.set("key", value, { ttl: 100, staleWhileRevalidate: 20 });
    expect(await other.get("key")).toStrictEqual({ value, stale: false });
    const left = await client.pttl("orchestrator:cache:key");
    expect(left).toBeGreaterThan(100_000);
    expect(left).toBeLessThanOrEqual(120_000);
    // From its own memory from now on.
    await client.del("orchestrator:cache:key");
    expect(await other.get("key")).toStrictEqual({ value, stale: false });
    expect(await machine().get("key")).toBeUndefined();
  });

  test("tells every machine what was declared invalid", async () => {
    const [one, other] = [machine(), machine()];
    await one.set("key", 1, { tags: ["rows"] });
    expect(await other.get("key")).toBeDefined();
    await one.invalidate({ tag: "rows" });
    expect(await machine().get("key")).toBeUndefined();
    await eventually(async () => expect(await other.get("another")).toBeUndefined());
    await eventually(async () => expect(await other.get("key")).toBeUndefined());
    await other.set("key", 2, { tags: ["rows"] });
    expect(await machine().get("key")).toEqual({ value: 2, stale: false });
  });

  test("has one machine compute what several want at once", async () => {
    const caches = [machine(), machine(), machine()];
    let computed = 0;
    let finish = (): void => undefined;
    const compute = () => {
      computed++;
      return new Promise<string>((resolve) => {
        finish = () => resolve("value");
      });
    };
    const asked = caches.map((cache) => cache.getOrCompute("key", compute));
    await eventually(() => expect(computed).toBe(1));
    finish();
    expect(await Promise.all(asked)).toEqual(["value", "value", "value"]);
    expect(computed).toBe(1);
  });

  test("has another compute when the lease of a machine that died is over", async () => {
    await client.set("orchestrator:cache:lease:key", "0a0b0c0d.1.1 gone", "PX", 300);
    expect(await machine().getOrCompute("key", () => "taken over")).toBe("taken over");
    expect(await client.exists("orchestrator:cache:lease:key")).toBe(0);
  });

  test("takes a damaged record for none, with a warning", async () => {
    const one = machine();
    await one.set("key", "value");
    const bytes = (await client.getBuffer("orchestrator:cache:key"))!;
    bytes[bytes.length - 1]! ^= 1;
    await client.set("orchestrator:cache:key", bytes);
    const other = machine();
    expect(await other.get("key")).toBeUndefined();
    expect((await other.stats()).trouble).toEqual({ "redis corrupt": 1 });
  });

  test("is passed over while it does not answer, with one warning", async () => {
    const cache = machine({ redis: { url: `redis://127.0.0.1:${await freePort()}`, timeout: "200ms" } });
    expect(await cache.getOrCompute("key", () => 1)).toBe(1);
    expect(await cache.get("key")).toEqual({ value: 1, stale: false });
    expect(await cache.set("key", 2)).toBe(true);
    expect(await cache.get("key")).toEqual({ value: 2, stale: false });
    expect(process.emitWarning).toHaveBeenCalledTimes(1);
  });

  test("is used again when a server that crashed is back", async () => {
    const mortal = await startRedis();
    const cache = machine({ redis: { url: mortal.url, timeout: "500ms" } });
    await cache.set("key", 1);
    await mortal.kill();
    await cache.set("key", 2);
    expect(await cache.get("key")).toEqual({ value: 2, stale: false });
    const back = await startRedis({ port: mortal.port });
    const fresh = machine({ redis: back.url });
    let number = 2;
    await eventually(async () => {
      await cache.set("key", ++number);
      expect(await fresh.get("key")).toEqual({ value: number, stale: false });
    });
    await back.stop();
    await mortal.stop();
  });
});
