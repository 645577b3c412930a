/** The views of a whole run on a terminal, drawn at moments of runs on a simulated clock. */
import { describe, expect, test } from "vitest";
import { headLines, type Scene } from "#src/cli/render/board.js";
import { drawTable } from "#src/cli/render/board-table.js";
import { drawTree, TreeLayout } from "#src/cli/render/board-tree.js";
import { makeStyle, type OutputStream } from "#src/cli/render/style.js";
import { RunModel } from "#src/dashboard/model/run-model.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { RunEvent } from "#src/model/event.js";
import { TaskGraph } from "#src/model/graph.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

const style = makeStyle({ isTTY: false } as OutputStream, {});
const startedAt = 1_700_000_000_000;

type Build = (graph: TaskGraph, lasting: (seconds: number, failure?: string) => () => Promise<void>) => void;

/** A run as it stands so many seconds after its start. */
async function runAt(seconds: number, build: Build): Promise<Omit<Scene, "rows" | "columns">> {
  const clock = new SimulatedClock(startedAt);
  const events: RunEvent[] = [];
  const executor = new ParallelExecutor(
    { maxConcurrentTasks: 4, monitor: { observe: (event) => void events.push(event) } },
    { clock, random: () => 0.5 },
  );
  const graph = new TaskGraph("films");
  build(graph, (length, failure) => async () => {
    await new Promise<void>((resolve) => void clock.schedule(length * 1000, resolve));
    if (failure !== undefined) throw new Error(failure);
  });
  await clock.runUntil(executor.run(graph).results);
  const now = startedAt + seconds * 1000;
  const model = new RunModel(events[0]!.runId);
  for (const event of events) if (event.at <= now) model.observe(event);
  return { model, now, style, left: undefined };
}

const forecast: Build = (graph, lasting) => {
  const fetch = graph.task("fetch", lasting(1));
  const north = graph.task("clean-north", { fetch }, lasting(2));
  const south = graph.task("clean-south", { fetch }, lasting(9));
  const rates = graph.task("rates", lasting(1, "no route to host\nat all"), {
    retries: { attempts: 2, delay: 1, jitter: false },
  });
  const train = graph.task("train", { north, south }, lasting(4));
  const convert = graph.task("convert", { rates }, lasting(1));
  graph.task("report", { train, convert }, lasting(1));
};

const parts: Build = (graph, lasting) => {
  const list = graph.task("list", lasting(1));
  for (let place = 0; place < 40; place++)
    graph.task(`part[${place}]`, { list }, place === 3 ? lasting(1, "torn page") : lasting(1));
};

const view = (lines: readonly string[]): string => `\n${lines.join("\n")}\n`;

describe("at a moment of a run", () => {
  test("the head tells how it stands and what holds it back, in the words of the page", async () => {
    const scene = await runAt(6, forecast);
    expect(view(headLines({ ...scene, rows: 20, columns: 80 }))).toMatchInlineSnapshot(`
      "
      films  running, 1 failed  ━━━━━━━━━━━━━━╍╍╍─── 5 of 7  6.0s
      ✗ 1 failed  ▶ 1 running  · 1 waiting  – 2 skipped  ✓ 2 succeeded
      Held back by one task: The task that waits needs clean-south, which has been
      running for 5.0s; slots are free.
      "
    `);
    expect(view(headLines({ ...(await runAt(60, forecast)), rows: 20, columns: 80 }))).toMatchInlineSnapshot(`
      "
      films  failed  ━━━━━━━━━━━━━━━━━━━━ 7 of 7  14.0s
      ✗ 1 failed  – 2 skipped  ✓ 4 succeeded
      "
    `);
  });

  test("the tree is the graph, with each task's state in place of its dot", async () => {
    const scene = { ...(await runAt(6, forecast)), rows: 20, columns: 80 };
    expect(view(drawTree(scene, new TreeLayout()))).toMatchInlineSnapshot(`
      "
      ✓      fetch           1.0s
      ├─✓    clean-north     2.0s
      ▶ │    clean-south     5.0s
      │ │ ✗  rates           1.0s  attempt 2: no route to host
      ·─╯ │  train
      │   –  convert               because of rates
      –───╯  report                because of rates
      "
    `);
  });

  test("where there is no room for all, the tree folds what neither moves nor is in trouble", async () => {
    const scene = { ...(await runAt(6, forecast)), rows: 6, columns: 80 };
    expect(view(drawTree(scene, new TreeLayout()))).toMatchInlineSnapshot(`
      "
      ┆      ✓ 2 succeeded
      ▶ │    clean-south     5.0s
      │ │ ✗  rates           1.0s  attempt 2: no route to host
      ┆      · 1 waiting  – 2 skipped
      "
    `);
  });

  test("many tasks of few kinds are a line for each kind", async () => {
    const scene = { ...(await runAt(2.5, parts)), rows: 10, columns: 80 };
    expect(view(drawTree(scene, new TreeLayout()))).toMatchInlineSnapshot(`
      "
      list  ━━━━━━━━━━━━━━━━  ✓ 1 succeeded
      part  ━╍╍─────────────  ✗ 1 failed  ▶ 4 running  ○ 32 ready  ✓ 3 succeeded
      "
    `);
  });

  test("the table has trouble first, then what moves, and counts what there is no room for", async () => {
    const scene = { ...(await runAt(6, forecast)), rows: 20, columns: 80 };
    expect(view(drawTable(scene))).toMatchInlineSnapshot(`
      "
        state      task          waited      ran  worker  why
      ✗ failed     rates                    1.0s  inline  attempt 2: no route to host
      ▶ running    clean-south      0ms     5.0s  inline
      · waiting    train
      – skipped    convert                                because of rates
      – skipped    report                                 because of rates
      ✓ succeeded  fetch            0ms     1.0s  inline
      ✓ succeeded  clean-north      0ms     2.0s  inline
      "
    `);
    expect(view(drawTable({ ...(await runAt(2.5, parts)), rows: 6, columns: 80 }))).toMatchInlineSnapshot(`
      "
        state      task      waited      ran  worker  why
      ✗ failed     part[3]      0ms     1.0s  inline  torn page
      ▶ running    part[4]     1.0s    500ms  inline
      ▶ running    part[5]     1.0s    500ms  inline
      ▶ running    part[6]     1.0s    500ms  inline
        and ▶ 1 running  ○ 32 ready  ✓ 4 succeeded
      "
    `);
  });

  test.each([2, 3, 5, 9, 30, 400])("no view takes more than the %s lines that there are", async (rows) => {
    for (const build of [forecast, parts]) {
      const scene = { ...(await runAt(2.5, build)), rows, columns: 80 };
      expect(drawTree(scene, new TreeLayout()).length).toBeLessThanOrEqual(rows);
      expect(drawTable(scene).length).toBeLessThanOrEqual(rows);
    }
  });

  test("what tasks are called and tell cannot drive the terminal", async () => {
    const hostile = "\u001b[2J\u001b]0;title\u0007";
    const scene = await runAt(5, (graph, lasting) => {
      graph.task(`bad ${hostile}`, lasting(1, `${hostile} message`));
      graph.task(`slow ${hostile}`, lasting(9));
    });
    const place = { ...scene, rows: 9, columns: 80 };
    const drawn = [headLines(place), drawTable(place), drawTree(place, new TreeLayout())].flat().join("\n");
    for (const control of ["\u001b", "\u0007"]) expect(drawn).not.toContain(control);
    expect(drawn).toContain("message");
  });
});
