/**
 * Trace files against the published rules of the Trace Event Format and what Perfetto's importer asks beyond them. (Perfetto's
 * own trace processor is neither in Debian nor on npm.)
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { command } from "#src/model/describe.js";
import type { RunEvent } from "#src/model/event.js";
import { TraceWriter, writeTrace } from "#src/monitor/trace.js";
import { randomTasks } from "#src/testing/random-tasks.js";
import { seededRandom } from "#src/testing/seeded-random.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

interface Entry {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly bp?: string;
  readonly args?: Record<string, unknown>;
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trace-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Reads a trace and checks every rule; gives its entries. */
function checkedTrace(path: string): Entry[] {
  const entries = JSON.parse(readFileSync(path, "utf8")) as Entry[];
  for (const entry of entries) {
    expect(entry).toMatchObject({ ph: expect.any(String), name: expect.any(String), pid: expect.any(Number) });
    expect(Number.isFinite(entry.ts) && entry.ts >= 0).toBe(true);
    expect("XMCsfi").toContain(entry.ph);
    if (entry.ph === "X") expect(entry.dur).toBeGreaterThanOrEqual(0);
    if (entry.ph === "C") for (const value of Object.values(entry.args!)) expect(value).toEqual(expect.any(Number));
  }
  checkSlices(entries);
  checkArrows(entries);
  return entries;
}

/** Slices of one track lie side by side, and every track has a name. */
function checkSlices(entries: readonly Entry[]): void {
  const named = new Set(entries.filter(({ name }) => name === "thread_name").map(({ pid, tid }) => `${pid} ${tid}`));
  const ends = new Map<string, number>();
  const slices = entries.filter(({ ph }) => ph === "X").sort((left, right) => left.ts - right.ts);
  for (const { pid, tid, ts, dur } of slices) {
    const track = `${pid} ${tid}`;
    expect(named).toContain(track);
    expect(ts).toBeGreaterThanOrEqual((ends.get(track) ?? 0) - 0.001);
    ends.set(track, ts + dur!);
  }
}

/** Each arrow has one start and one end, both inside of a slice of their track, and does not go back in time. */
function checkArrows(entries: readonly Entry[]): void {
  const inSlice = (point: Entry): boolean =>
    entries.some(
      ({ ph, pid, tid, ts, dur }) =>
        ph === "X" && pid === point.pid && tid === point.tid && ts <= point.ts && (point.ts < ts + dur! || dur === 0),
    );
  const starts = entries.filter(({ ph }) => ph === "s");
  const finishes = new Map(entries.filter(({ ph }) => ph === "f").map((entry) => [entry.id, entry]));
  expect(new Set(starts.map(({ id }) => id)).size).toBe(starts.length);
  expect(finishes.size).toBe(starts.length);
  for (const start of starts) {
    const finish = finishes.get(start.id)!;
    expect(finish).toMatchObject({ bp: "e", name: start.name, cat: start.cat });
    expect(inSlice(start) && inSlice(finish)).toBe(true);
    expect(finish.ts).toBeGreaterThanOrEqual(start.ts);
  }
}

describe("TraceWriter", () => {
  test("keeps the rules over random runs, with an arrow for each dependency", async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed);
      const clock = new SimulatedClock(1_700_000_000_000);
      const path = join(folder, `${seed}.json`);
      const writer = new TraceWriter(path);
      const events: RunEvent[] = [];
      const executor = new ParallelExecutor(
        { monitor: [writer, { observe: (event) => void events.push(event) }], maxConcurrentTasks: 3, retries: 1 },
        { clock, random },
      );
      const tasks = randomTasks({
        count: 40,
        random,
        run: () => async (_inputs, context) => {
          await new Promise<void>((resolve) => clock.schedule(Math.floor(random() * 4) * 250, resolve));
          if (random() < 0.1) throw new Error("bad luck");
          if (random() < 0.1) await context.spawn([{ id: `${context.taskId}/child`, run: () => 1 }]).results();
        },
      });
      await clock.runUntil(executor.executeTasks(tasks));
      writer.close();
      const entries = checkedTrace(path);
      const attempts = events.filter(({ type }) => type === "attempt-ended").length;
      expect(entries.filter(({ ph }) => ph === "X")).toHaveLength(attempts);
      const started = new Set(events.flatMap((event) => (event.type === "attempt-started" ? [event.taskId] : [])));
      const edges = tasks.flatMap(({ id, dependsOn }) => (started.has(id) ? dependsOn! : []));
      expect(entries.filter(({ ph }) => ph === "s")).toHaveLength(edges.length);
      const slots = entries.filter(({ ph, name }) => ph === "C" && name === "slots").map(({ args }) => args!["in use"]);
      expect(Math.max(...(slots as number[]))).toBe(3);
      expect(slots.at(-1)).toBe(0);
      const again = join(folder, "again.json");
      await writeTrace(again, events);
      expect(readFileSync(again, "utf8")).toBe(readFileSync(path, "utf8"));
    }
  });

  test("gives each worker its track, and shows what failed", async () => {
    const path = join(folder, "workers.json");
    const writer = new TraceWriter(path);
    await using executor = new ParallelExecutor({ monitor: writer });
    await executor.executeTasks([
      { id: "command", run: command(["true"]) },
      {
        id: 'hostile "</script>\n',
        run: () => {
          throw new Error("<b>no</b>");
        },
      },
    ]);
    writer.close();
    const entries = checkedTrace(path);
    const failed = entries.find(({ ph, name }) => ph === "X" && name.startsWith("hostile"))!;
    expect(failed.args).toMatchObject({ outcome: "failed", error: "<b>no</b>", attempt: 1 });
  });
});
