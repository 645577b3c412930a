/** Invalidations that are damaged, cut off or of another version: whatever they may have said holds. */
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CacheClock } from "#src/optimize/cache/cache-clock.js";
import { Invalidations } from "#src/optimize/cache/invalidations.js";
import { MarkLog } from "#src/optimize/cache/mark-log.js";
import { TaskCache } from "#src/optimize/cache/task-cache.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orchestrator-marks-"));
  vi.spyOn(process, "emitWarning").mockReturnValue();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const open = () => new TaskCache({ directory: folder, maxMemory: 0 });
const marks = () => readdirSync(join(folder, "marks")).map((name) => join(folder, "marks", name));
const given = async (...keys: string[]) => {
  await using cache = open();
  const found = await Promise.all(keys.map((key) => cache.get(key)));
  return keys.filter((_, place) => found[place] !== undefined);
};

function with32(bytes: Buffer, offset: number, value: number): Buffer {
  bytes.writeUInt32LE(value, offset);
  return bytes;
}

async function keepAndInvalidate(): Promise<void> {
  await using cache = open();
  await cache.set("bad", "old", { task: "load" });
  await cache.set("good", 1);
  await cache.invalidate({ task: "load" });
}

test.each<[string, (bytes: Buffer) => Buffer]>([
  ["a flipped bit of the last", (bytes) => with32(bytes, bytes.length - 4, bytes.readUInt32LE(bytes.length - 4) ^ 1)],
  ["a length that leads beyond the end", (bytes) => with32(bytes, 16 + 8, 5000)],
  ["a last one that is cut off", (bytes) => bytes.subarray(0, -3)],
  ["a head that is none", (bytes) => bytes.fill(0, 0, 16)],
  ["another version", (bytes) => with32(bytes, 8, 99)],
  ["nothing at all", () => Buffer.alloc(0)],
])("%s: nothing that is older is given, and what is kept from then on is", async (_, damage) => {
  await keepAndInvalidate();
  expect(await given("bad", "good")).toEqual(["good"]);
  const [file] = marks() as [string];
  writeFileSync(file, damage(readFileSync(file)));
  expect(await given("bad", "good")).toEqual([]);
  expect(process.emitWarning).toHaveBeenCalledWith(
    expect.stringContaining("may have told of values that are no longer valid"),
    expect.anything(),
  );
  const cache = open();
  await cache.set("new", 2);
  await cache.close();
  expect(await given("bad", "good", "new")).toEqual(["new"]);
});

test("what was kept within the tick that stamped a damaged file is older than it, and what is kept then is newer", async () => {
  await keepAndInvalidate();
  const [file] = marks() as [string];
  writeFileSync(file, Buffer.alloc(0));
  const stamped = Math.ceil(Date.now() / 1000) + 60;
  utimesSync(file, stamped, stamped);
  const [clock, invalidations] = [new CacheClock(), new Invalidations()];
  const trouble = { report: () => {} };
  new MarkLog({ folder: join(folder, "marks"), invalidations, clock, trouble }).look();
  const counts = (startedAt: number) => {
    const times = { startedAt, freshUntil: Infinity, usableUntil: Infinity };
    return invalidations.allows("good", { bytes: new Uint8Array(), ...times, task: "", tags: [], failure: false });
  };
  expect([-1, 0, 9, 11].map((ms) => counts(stamped * 1000 + ms))).toEqual([false, false, false, true]);
  expect(counts(clock.now())).toBe(true);
});

test("many files of marks are merged, and every mark still holds", async () => {
  const keys = Array.from({ length: 12 }, (_, number) => `key ${number}`);
  {
    await using cache = open();
    for (const key of keys) await cache.set(key, key);
    await cache.set("good", 1);
  }
  for (const key of keys) {
    await using cache = open();
    await cache.invalidate({ key });
  }
  expect(marks().length).toBeLessThanOrEqual(9);
  expect(await given("good", ...keys)).toEqual(["good"]);
});

test("a folder of marks that is removed while a cache is open is made anew", async () => {
  await using cache = open();
  await cache.set("a", 1);
  await cache.invalidate({ key: "other" });
  rmSync(join(folder, "marks"), { recursive: true });
  await cache.invalidate({ key: "a" });
  expect(await cache.get("a")).toBeUndefined();
  expect(await given("a")).toEqual([]);
});
