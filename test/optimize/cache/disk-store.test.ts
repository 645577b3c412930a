import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { eventually } from "../../support/eventually.js";
import { present } from "../../support/require-component.js";
import { mustRun } from "../../support/run-program.js";

let folder: string;
const open: TaskCache[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orchestrator-cache-"));
  vi.spyOn(process, "emitWarning").mockReturnValue();
});

afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
  vi.restoreAllMocks();
});

function openCache(options: object = {}): TaskCache {
  const cache = new TaskCache({ directory: join(folder, "cache"), maxMemory: 0, ...options });
  open.push(cache);
  return cache;
}

const packs = () => readdirSync(join(folder, "cache/packs")).map((name) => join(folder, "cache/packs", name));
const large = "x".repeat(200_000);

/** Fills a cache of 200 entries, some of them large, and closes it. */
async function fill(): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  const cache = openCache();
  for (let number = 0; number < 200; number++) {
    const value =
      number % 40 === 0
        ? `${number}${large}`
        : { number, text: "y".repeat(number), map: new Map([[number, [number]]]) };
    values.set(`key ${number}`, value);
    await cache.set(`key ${number}`, value);
  }
  await cache.close();
  return values;
}

/** Reads everything; each value must be the one that was kept, or none. Gives how many there are. */
async function readAll(cache: TaskCache, values: ReadonlyMap<string, unknown>): Promise<number> {
  let found = 0;
  for (const [key, value] of values) {
    const hit = await cache.get(key);
    if (hit === undefined) continue;
    expect(hit.value).toStrictEqual(value);
    found++;
  }
  return found;
}

describe("the durable tier", () => {
  test("keeps values from one process to the next, small and large", async () => {
    const values = await fill();
    expect(await readAll(openCache(), values)).toBe(200);
    expect(readdirSync(join(folder, "cache/values")).length).toBeGreaterThan(1);
  });

  test("shows what others keep and declare invalid, while both are open", async () => {
    const [one, other] = [openCache({ maxMemory: "1MB" }), openCache({ maxMemory: "1MB" })];
    await one.set("key", 1, { tags: ["rows"] });
    await eventually(async () => expect(await other.get("key")).toEqual({ value: 1, stale: false }));
    await other.invalidate({ tag: "rows" });
    await eventually(async () => expect(await one.get("key")).toBeUndefined());
    await one.set("key", 2, { tags: ["rows"] });
    await eventually(async () => expect(await other.get("key")).toEqual({ value: 2, stale: false }));
  });

  test("keeps invalidations from one process to the next", async () => {
    const cache = openCache();
    await cache.set("a", 1, { task: "load" });
    await cache.set("b", 2);
    await cache.invalidate({ task: "load" });
    await cache.close();
    const next = openCache();
    expect([await next.get("a"), await next.get("b")]).toEqual([undefined, { value: 2, stale: false }]);
  });

  test("merges packs when there are many, keeps what counts, and the newest where not all fits", async () => {
    for (let number = 0; number < 12; number++) {
      const cache = openCache();
      await cache.set("latest", number);
      await cache.set(`key ${number}`, "z".repeat(number === 3 ? 200_000 : 10));
      await cache.set(`gone ${number}`, "z", { ttl: "1ms" });
      await cache.close();
    }
    const cache = openCache();
    cache.compact();
    await cache.stats();
    expect(packs()).toHaveLength(1);
    expect(await cache.get("latest")).toEqual({ value: 11, stale: false });
    for (let number = 0; number < 12; number++) expect(await cache.get(`key ${number}`), `${number}`).toBeDefined();
    expect((await cache.stats()).tiers).toMatchObject([{ entries: 13 }]);
    await cache.close();
    // A folder that may hold less than a pack of 1 MiB lets go of the oldest.
    const bounded = openCache({ maxDisk: "1MiB" });
    for (let number = 0; number < 200; number++) await bounded.set(`bulk ${number}`, `${number}${"b".repeat(30_000)}`);
    expect(packs().reduce((bytes, path) => bytes + statSync(path).size, 0)).toBeLessThan(3 * 2 ** 20);
    expect(await bounded.get("bulk 199")).toBeDefined();
    expect(await bounded.get("bulk 0")).toBeUndefined();
  });
});

describe("damage is a miss, never a wrong answer and never a crash", () => {
  test("any bytes of any file, flipped, cut off or overwritten", async () => {
    const values = await fill();
    const [pack] = packs() as [string];
    const whole = readFileSync(pack);
    let lost = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const bytes = Buffer.from(whole);
      if (seed % 4 === 0) writeFileSync(pack, bytes.subarray(0, below(bytes.length)));
      else {
        const from = seed % 8 === 1 ? 0 : below(bytes.length);
        const count = seed % 4 === 1 ? 1 : below(5000);
        for (let at = from; at < Math.min(bytes.length, from + count); at++) bytes[at] = below(256);
        writeFileSync(pack, bytes);
      }
      const cache = openCache();
      const found = await readAll(cache, values).catch((error) => {
        throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
      });
      lost += values.size - found;
      // It still takes new values.
      await cache.set("new", seed);
      expect(await cache.get("new")).toEqual({ value: seed, stale: false });
      await cache.close();
      for (const path of packs()) if (path !== pack) await rm(path);
    }
    expect(lost).toBeGreaterThan(0);
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringContaining("damaged"),
      expect.objectContaining({ code: "CACHE_CORRUPT" }),
    );
  }, 60_000);

  test("damage while the cache is open", async () => {
    const values = await fill();
    const cache = openCache();
    const [pack] = packs() as [string];
    truncateSync(pack, Math.floor(statSync(pack).size / 2));
    for (const start of readdirSync(join(folder, "cache/values"))) {
      for (const name of readdirSync(join(folder, "cache/values", start)))
        appendFileSync(join(folder, "cache/values", start, name), "!");
    }
    const found = await readAll(cache, values);
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(200);
    expect((await cache.stats()).trouble["disk corrupt"]).toBeGreaterThan(0);
    await rm(join(folder, "cache"), { recursive: true });
    expect(await cache.get("key 1")).toSatisfy(
      (hit: unknown) => hit === undefined || (hit as { value: unknown }).value !== undefined,
    );
    await cache.set("key 1", "again");
    await eventually(async () => expect(await cache.get("key 1")).toEqual({ value: "again", stale: false }));
  });

  test("a newer format is left alone, with a warning", async () => {
    const values = await fill();
    const [pack] = packs() as [string];
    const bytes = readFileSync(pack);
    bytes.writeUInt32LE(99, 8);
    writeFileSync(pack, bytes);
    const cache = openCache();
    expect(await readAll(cache, values)).toBe(0);
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringContaining("newer version"),
      expect.objectContaining({ code: "CACHE_FORMAT" }),
    );
    await cache.set("key 1", values.get("key 1"));
    expect(await readAll(cache, values)).toBe(1);
    expect(readFileSync(pack).equals(bytes)).toBe(true);
  });

  test("a value that holds the bytes of a pack is a value and nothing else", async () => {
    const cache = openCache();
    await cache.set("victim", "true");
    const [pack] = packs() as [string];
    await cache.set("trap", readFileSync(pack));
    await cache.set("victim", "newer");
    await cache.close();
    // The head of the trap's frame is damaged, so that what follows is searched for frames.
    const bytes = readFileSync(pack);
    const trap = bytes.indexOf("OCF1", bytes.indexOf("OCF1") + 4);
    bytes[trap + 5]! ^= 1;
    writeFileSync(pack, bytes);
    const next = openCache();
    expect(await next.get("trap")).toBeUndefined();
    expect(await next.get("victim")).toEqual({ value: "newer", stale: false });
  });

  test("a folder that is a file, or that nobody may write", async () => {
    writeFileSync(join(folder, "cache"), "");
    const cache = openCache();
    expect(await cache.set("key", 1)).toBe(true);
    expect(await cache.get("key")).toBeUndefined();
    expect(await cache.getOrCompute("key", () => 2)).toBe(2);
    expect((await cache.stats()).trouble["disk write"]).toBeGreaterThan(0);
  });

  test.runIf(present("linux", "root"))("a full disk", async () => {
    await mustRun(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]);
    try {
      const cache = openCache({ maxMemory: 0 });
      let kept = 0;
      for (let number = 0; number < 100; number++) {
        await cache.set(`key ${number}`, `${number}${"f".repeat(number % 10 === 0 ? 100_000 : 5000)}`);
        const hit = await cache.get(`key ${number}`);
        if (hit === undefined) continue;
        expect(hit.value).toHaveLength(`${number}`.length + (number % 10 === 0 ? 100_000 : 5000));
        kept++;
      }
      expect(kept).toBeGreaterThan(5);
      expect(kept).toBeLessThan(100);
      expect((await cache.stats()).trouble["disk write"]).toBeGreaterThan(0);
      // What no lease can be written for is computed all the same.
      expect(await cache.getOrCompute("new", () => "computed")).toBe("computed");
      await cache.close();
      const next = openCache();
      let found = 0;
      for (let number = 0; number < 100; number++) if ((await next.get(`key ${number}`)) !== undefined) found++;
      expect(found).toBe(kept);
      await next.close();
    } finally {
      await mustRun(["umount", folder]);
    }
  });
});

describe("two processes", () => {
  /** A process that shares the folder, and the lines that it prints. */
  async function start(mode: string) {
    const script = fileURLToPath(new URL("../../support/cache-process.mjs", import.meta.url));
    const child = spawn(process.execPath, [script, folder, mode], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("ready");
    const next = async (): Promise<string> => (await lines.next()).value as string;
    return { child, next, go: () => child.stdin.write("go\n") };
  }

  const executions = () => readFileSync(join(folder, "executions"), "utf8").trim().split("\n");

  test("that want the same key at once are one execution", async () => {
    const processes = await Promise.all([start("compute"), start("compute"), start("compute")]);
    for (const { go } of processes) go();
    const values = await Promise.all(processes.map(({ next }) => next()));
    expect(executions()).toHaveLength(1);
    expect(values).toEqual(Array(3).fill(JSON.stringify({ by: Number(executions()[0]) })));
  });

  test("of which one dies while it computes: the other takes over", async () => {
    const dying = await start("hang");
    dying.go();
    expect(await dying.next()).toBe("computing");
    const waiting = await start("compute");
    waiting.go();
    dying.child.kill("SIGKILL");
    expect(JSON.parse(await waiting.next())).toEqual({ by: waiting.child.pid });
    expect(executions()).toEqual([String(dying.child.pid), String(waiting.child.pid)]);
  });

  test("that write, read and invalidate the same keys never read what is not theirs", async () => {
    const processes = await Promise.all([start("hammer"), start("hammer")]);
    for (const { go } of processes) go();
    for (const { next } of processes) expect(JSON.parse(await next())).toEqual({ wrong: 0, trouble: {} });
  }, 60_000);
});
