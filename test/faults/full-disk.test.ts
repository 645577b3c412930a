/** A disk that is really full: a small tmpfs, filled to the last byte. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ParallelExecutor, readJournal, type Task, TaskCache } from "#src/index.js";
import { present } from "../support/require-component.js";
import { mustRun } from "../support/run-program.js";

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "full-"));
  if (!present("linux", "root")) return;
  await mustRun(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder]);
  vi.spyOn(process, "emitWarning").mockReturnValue();
});
afterEach(async () => {
  vi.restoreAllMocks();
  if (present("linux", "root")) await mustRun(["umount", folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** Fills the disk to the last byte. */
function fill(): void {
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (let number = 0; ; number++) writeFileSync(join(folder, `fill-${size}-${number}`), Buffer.alloc(size));
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
    }
  }
}

describe.runIf(present("linux", "root"))("a full disk", () => {
  test("cache: what was kept is given, what is new is computed, and what was declared invalid is given by nobody", async () => {
    const open = () => new TaskCache({ directory: join(folder, "cache"), maxMemory: 0 });
    const [cache, other] = [open(), open()];
    await cache.set("good", 1);
    await cache.set("bad", "old", { tags: ["rows"] });
    fill();
    expect(await cache.get("good")).toEqual({ value: 1, stale: false });
    expect(await cache.getOrCompute("new", () => "computed")).toBe("computed");
    expect(await cache.set("large", "x".repeat(100_000))).toBe(true);
    expect(await cache.get("large")).toBeUndefined();
    expect((await cache.stats()).trouble["disk write"]).toBeGreaterThan(0);
    await cache.invalidate({ tag: "rows" });
    const next = open();
    for (const each of [cache, next]) expect(await each.get("bad")).toBeUndefined();
    await vi.waitFor(async () => expect(await other.get("bad")).toBeUndefined(), { timeout: 30_000 });
    for (const each of [cache, other, next]) await each.close();
  });

  test("cache: who declares something invalid where nothing can be changed any more is told, and this process gives it no more", async () => {
    const first = new TaskCache({ directory: join(folder, "cache") });
    await first.set("bad", "old");
    await first.close();
    await mustRun(["mount", "-o", "remount,ro", folder]);
    const cache = new TaskCache({ directory: join(folder, "cache") });
    expect(await cache.get("bad")).toEqual({ value: "old", stale: false });
    await expect(cache.invalidate({ key: "bad" })).rejects.toMatchObject({
      code: "NOT_INVALIDATED",
      message: expect.stringContaining("can neither be written nor emptied"),
    });
    expect(await cache.get("bad")).toBeUndefined();
    await cache.close();
  });

  test.each([
    ["the journal itself", 2000],
    ["the file of a large output", 90_000],
  ])("%s: the run stops, and once there is room it goes on without running anything twice", async (_, size) => {
    const ran: string[] = [];
    const tasks = Array.from({ length: 400 }, (_, n): Task => {
      const run = () => {
        ran.push(`t${n}`);
        return `${n}`.padEnd(size);
      };
      return { id: `t${n}`, run, dependsOn: n === 0 ? [] : [`t${n - 1}`] };
    });
    const execute = async () => {
      await using executor = new ParallelExecutor();
      const run = executor.run(tasks, { journal: folder, runId: "r", resume: true });
      return { results: await run.results, error: run.journalError };
    };
    const first = await execute();
    expect(first.error).toMatchObject({
      code: "JOURNAL_UNWRITABLE",
      message: expect.stringContaining("the journal cannot be written: ENOSPC"),
    });
    const before = ran.splice(0);
    expect(before.length).toBeGreaterThan(2);
    expect(before.length).toBeLessThan(400);
    expect(first.results.get("t399")).toMatchObject({ status: "cancelled", error: { code: "JOURNAL_UNWRITABLE" } });
    // Of what was done, the last end alone is not kept.
    const kept = [...readJournal(join(folder, "r")).results().values()].filter(({ success }) => success);
    expect(kept).toHaveLength(before.length - 1);
    await mustRun(["mount", "-o", "remount,size=64m", folder]);
    const second = await execute();
    expect(second.error).toBeUndefined();
    expect(ran).toEqual(tasks.map(({ id }) => id).slice(before.length - 1));
    expect([...second.results.values()].every(({ output }, n) => output === `${n}`.padEnd(size))).toBe(true);
  });
});
