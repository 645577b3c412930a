import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { eventually } from "../../support/eventually.js";

let cache: TaskCache;

beforeEach(() => {
  // Only the calendar is moved by hand.
  vi.useFakeTimers({ toFake: ["Date"] });
  cache = new TaskCache();
});

afterEach(async () => {
  await cache.close();
  vi.useRealTimers();
});

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

/** A computation that a test ends by hand. */
function held<Value = string>() {
  const calls: { resolve(value: Value): void; reject(error: Error): void; signal: AbortSignal }[] = [];
  const compute = (signal: AbortSignal) =>
    new Promise<Value>((resolve, reject) => calls.push({ resolve, reject, signal }));
  return { calls, compute, begun: (count = 1) => eventually(() => expect(calls).toHaveLength(count)) };
}

describe("values", () => {
  test.each([
    ["undefined", undefined],
    ["null", null],
    ["0", 0],
    ["an empty string", ""],
    ["false", false],
    ["an array", [1, undefined]],
    ["a map", new Map([[1, new Set(["a"])]])],
    ["a bigint", 5n],
  ])("%s is a hit", async (_name, value) => {
    expect(await cache.get("key")).toBeUndefined();
    expect(await cache.set("key", value)).toBe(true);
    expect(await cache.get("key")).toStrictEqual({ value, stale: false });
  });

  test("a value that would not come back as itself is not kept", async () => {
    for (const value of [
      () => 1,
      new (class Point {})(),
      { at: new URL("http://a.b/") },
      Object.create(null),
      new Error("x"),
    ])
      expect(await cache.set("key", value)).toBe(false);
    expect(await cache.get("key")).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ unstorable: 5 });
  });

  test("are bounded by their bytes, the ones used last stay", async () => {
    await using small = new TaskCache({ maxMemory: 100_000 });
    for (let number = 0; number < 100; number++) {
      await small.set(`key ${number}`, "x".repeat(5000));
      await small.get("key 0");
    }
    const { bytes, entries } = (await small.stats()).tiers[0]!;
    expect(bytes).toBeLessThanOrEqual(100_000);
    expect(entries).toBeGreaterThan(15);
    expect(await small.get("key 0")).toBeDefined();
    expect(await small.get("key 1")).toBeUndefined();
    expect(await small.get("key 99")).toBeDefined();
  });
});

describe("lifetimes", () => {
  test("a value is given until its time is over", async () => {
    await cache.set("key", 1, { ttl: 60 });
    later(59);
    expect(await cache.get("key")).toEqual({ value: 1, stale: false });
    later(2);
    expect(await cache.get("key")).toBeUndefined();
  });

  test("a stale value is given while a new one is made, once for all who ask", async () => {
    const { calls, compute, begun } = held();
    const options = { ttl: 60, staleWhileRevalidate: "1h" } as const;
    await cache.set("key", "old", options);
    later(61);
    expect(await cache.get("key")).toEqual({ value: "old", stale: true });
    const asked = await Promise.all([1, 2, 3].map(() => cache.getOrCompute("key", compute, options)));
    expect(asked).toEqual(["old", "old", "old"]);
    await begun();
    calls[0]!.resolve("new");
    await eventually(async () => expect(await cache.get("key")).toEqual({ value: "new", stale: false }));
    later(3700);
    expect(await cache.get("key")).toBeUndefined();
  });

  test("a failure is kept only for the time that was asked for", async () => {
    let computed = 0;
    const fail = () => {
      computed++;
      throw new TypeError("no");
    };
    const ask = (failures?: number) =>
      cache.getOrCompute(`failures ${failures}`, fail, failures === undefined ? {} : { failures });
    for (const _ of [1, 2]) await expect(ask()).rejects.toThrow(TypeError);
    expect(computed).toBe(2);
    for (const _ of [1, 2]) await expect(ask(60)).rejects.toThrow(new TypeError("no"));
    expect(computed).toBe(3);
    later(61);
    await expect(ask(60)).rejects.toThrow(TypeError);
    expect(computed).toBe(4);
  });
});

describe("invalidation", () => {
  test("is by key, by task, by tag, and of all", async () => {
    const fill = async () => {
      await cache.set("a", 1, { task: "load", tags: ["eu", "daily"] });
      await cache.set("b", 2, { task: "load", tags: ["us"] });
      await cache.set("c", 3, { task: "report", tags: ["eu"] });
    };
    const left = async () => {
      const found = await Promise.all(
        ["a", "b", "c"].map(async (key) => ((await cache.get(key)) === undefined ? "" : key)),
      );
      return found.join("");
    };
    await fill();
    await cache.invalidate({ key: "b" });
    expect(await left()).toBe("ac");
    await fill();
    await cache.invalidate({ task: "load" });
    expect(await left()).toBe("c");
    await fill();
    await cache.invalidate({ tag: "eu" });
    expect(await left()).toBe("b");
    await fill();
    await cache.clear();
    expect(await left()).toBe("");
    await fill();
    expect(await left()).toBe("abc");
    await expect(cache.invalidate({})).rejects.toThrow("exactly one of { key }, { task } and { tag }");
  });

  test("reaches what is being computed: what began before is not kept", async () => {
    const { calls, compute, begun } = held();
    const asked = cache.getOrCompute("key", compute, { tags: ["rows"] });
    await begun();
    await cache.invalidate({ tag: "rows" });
    calls[0]!.resolve("of the old rows");
    expect(await asked).toBe("of the old rows");
    expect(await cache.get("key")).toBeUndefined();
  });
});

describe("single-flight", () => {
  test("1,000 callers of one key are one execution, and each is given a value of its own", async () => {
    const { calls, compute, begun } = held<{ rows: number[] }>();
    const asked = Array.from({ length: 1000 }, () => cache.getOrCompute("key", compute));
    await begun();
    calls[0]!.resolve({ rows: [1] });
    const values = await Promise.all(asked);
    expect(calls).toHaveLength(1);
    expect(values).toEqual(Array(1000).fill({ rows: [1] }));
    expect(new Set(values).size).toBe(1000);
    expect(await cache.stats()).toMatchObject({ misses: 1, joined: 999 });
  });

  test("what fails, fails for all who waited, and is computed anew for the next", async () => {
    const { calls, compute, begun } = held();
    const asked = [1, 2, 3].map(() => cache.getOrCompute("key", compute));
    await begun();
    calls[0]!.reject(new RangeError("too far"));
    for (const one of asked) await expect(one).rejects.toThrow(new RangeError("too far"));
    const next = cache.getOrCompute("key", compute);
    await begun(2);
    calls[1]!.resolve("now");
    expect(await next).toBe("now");
  });

  test("one who leaves, leaves alone; the last to leave ends the execution", async () => {
    const { calls, compute, begun } = held();
    const leavers = [1, 2, 3].map(() => new AbortController());
    const asked = leavers.map(({ signal }) => cache.getOrCompute("key", compute, { signal }));
    await begun();
    // The one that began it is the first to leave.
    leavers[0]!.abort(new Error("first left"));
    await expect(asked[0]).rejects.toThrow("first left");
    leavers[1]!.abort(new Error("second left"));
    await expect(asked[1]).rejects.toThrow("second left");
    expect(calls[0]!.signal.aborted).toBe(false);
    calls[0]!.resolve("done");
    expect(await asked[2]).toBe("done");
    const alone = new AbortController();
    const last = cache.getOrCompute("other", compute, { signal: alone.signal });
    await begun(2);
    alone.abort(new Error("all left"));
    await expect(last).rejects.toThrow("all left");
    expect(calls[1]!.signal.aborted).toBe(true);
  });

  test("if the one that began it has left and it fails, another begins anew", async () => {
    const { calls, compute, begun } = held();
    const leaver = new AbortController();
    const first = cache.getOrCompute("key", compute, { signal: leaver.signal });
    const second = cache.getOrCompute("key", compute);
    await begun();
    leaver.abort(new Error("left"));
    await expect(first).rejects.toThrow("left");
    calls[0]!.reject(new Error("because its owner left"));
    await begun(2);
    calls[1]!.resolve("anew");
    expect(await second).toBe("anew");
  });
});

test("bad options are refused, all at once", () => {
  const make = () => new TaskCache({ maxMemory: "lots", ttl: -1, directory: "", redis: "http://x", size: 1 } as object);
  expect(make).toThrow(/unknown option/);
  expect(
    () =>
      new TaskCache({ maxMemory: "lots", ttl: -1, directory: "", redis: "http://x", onUnkeyable: "ignore" as never }),
  ).toThrow(/directory.*\n.*maxMemory.*\n.*redis\.url.*\n.*ttl.*\n.*onUnkeyable/);
});
