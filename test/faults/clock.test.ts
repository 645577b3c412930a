/** A machine whose clock is set back or forward, while nobody runs or in the middle. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ParallelExecutor, readJournal, type Task, TaskCache } from "#src/index.js";
import { SimulatedClock } from "#src/testing.js";

const hour = 3_600_000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "clock-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

describe("cache", () => {
  const real = performance.now.bind(performance);
  /** What a process that begins now would take for the time. */
  const setClock = (byMs: number) => vi.spyOn(performance, "now").mockImplementation(() => real() + byMs);
  const open = () => new TaskCache({ directory: folder, maxMemory: 0 });

  test.each([-hour, hour])(
    "a process whose clock differs by %i ms declares invalid what another kept, and keeps it anew",
    async (byMs) => {
      const first = open();
      await first.set("key", "old", { tags: ["rows"] });
      await first.close();
      setClock(byMs);
      const second = open();
      expect(await second.get("key")).toBeDefined();
      await second.invalidate({ tag: "rows" });
      expect(await second.get("key")).toBeUndefined();
      await second.set("key", "new", { tags: ["rows"] });
      expect(await second.get("key")).toEqual({ value: "new", stale: false });
      await second.close();
      setClock(0);
      const third = open();
      expect(await third.get("key")).toEqual({ value: "new", stale: false });
      await third.set("key", "newest");
      expect(await third.get("key")).toEqual({ value: "newest", stale: false });
      await third.invalidate({ key: "key" });
      expect(await third.get("key")).toBeUndefined();
      await third.close();
    },
  );

  test("what was being computed when the clock was set is not kept where it was declared invalid meanwhile", async () => {
    const [cache, other] = [open(), open()];
    let finish = (_value: string): void => undefined;
    let isBegun = false;
    const compute = () => {
      isBegun = true;
      return new Promise<string>((resolve) => {
        finish = resolve;
      });
    };
    const asked = cache.getOrCompute("key", compute);
    await vi.waitFor(() => expect(isBegun).toBe(true), { timeout: 30_000 });
    // The calendar alone: a process that runs goes by a clock that nobody sets.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - hour });
    await other.invalidate({ key: "key" });
    finish("of before");
    expect(await asked).toBe("of before");
    expect(await other.get("key")).toBeUndefined();
    for (const each of [cache, other]) await each.close();
  });
});

describe("journal", () => {
  /** Fails once, and is tried again after 10 s; then waits for two minutes at most in all. */
  const tasks = (ran: string[]): Task[] => [
    { id: "done", run: () => void ran.push("done") },
    {
      id: "retried",
      dependsOn: ["done"],
      retries: { attempts: 3, delay: "10s", factor: 1, jitter: false },
      totalTimeout: "2m",
      run: (_inputs, { attempt }) => {
        ran.push(`retried ${attempt}`);
        if (attempt < 3) throw new Error("not yet");
        return attempt;
      },
    },
  ];

  test.each([-hour, -1, 60_000])(
    "a run is gone on with after the clock was set by %i ms: nothing is run twice, and no delay is longer than it is",
    async (byMs) => {
      const ran: string[] = [];
      const start = 1_700_000_000_000;
      const first = new SimulatedClock(start);
      const options = { journal: folder, runId: "r", resume: true };
      const dying = new ParallelExecutor({}, { clock: first });
      const cut = dying.run(tasks(ran), options);
      // Up to the first failure, and then not for as long as its delay.
      await vi.waitFor(
        async () => {
          await first.advance(0);
          expect(ran).toEqual(["done", "retried 1"]);
        },
        { timeout: 30_000 },
      );
      await first.advance(1000);
      // As if it had died here: another process finds what it has written.
      cpSync(join(folder, "r"), join(folder, "left", "r"), {
        recursive: true,
        filter: (path) => !path.includes("lock."),
      });
      cut.cancel();
      await cut.results;
      await dying.close();

      const second = new SimulatedClock(start + byMs);
      const executor = new ParallelExecutor({}, { clock: second });
      const results = await second.runUntil(
        executor.run(tasks(ran), { ...options, journal: join(folder, "left") }).results,
      );
      await executor.close();
      expect(ran).toEqual(["done", "retried 1", "retried 2", "retried 3"]);
      expect(results.get("retried")).toMatchObject({ success: true, output: 3 });
      // Two delays of 10 s at most.
      expect(second.now() - (start + byMs)).toBeLessThanOrEqual(20_000);
      const kept = readJournal(join(folder, "left", "r"));
      expect(kept.status).toBe("succeeded");
      for (const { executionTime } of kept.results().values()) {
        expect(executionTime).toBeGreaterThanOrEqual(0);
      }
      const times = kept.events().map(({ at }) => at);
      expect(times).toEqual(times.toSorted((left, right) => left - right));
    },
  );
});
