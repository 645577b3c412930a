/**
 * A run of 100,000 tasks, held half-way by the test: the server answers while it goes on, and the page comes to where the
 * run is, in bounded memory. How far it is behind depends on the machine, so `bench/dashboard` measures that.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Run } from "#src/executor/run.js";
import type { RunEvent } from "#src/model/event.js";
import { TaskGraph } from "#src/model/graph.js";
import { present } from "../support/require-component.js";
import { browserTestMs, TestBrowser } from "./browser.js";

const size = 100_000;
const chains = 100;

/** What tasks wait at until the test lets them pass, and how many do. */
class Gate {
  waiting = 0;
  readonly passed: Promise<void>;
  readonly open: () => void;

  constructor() {
    const { promise, resolve } = withResolvers();
    this.passed = promise;
    this.open = resolve;
  }

  wait(): Promise<void> {
    this.waiting++;
    return this.passed;
  }
}

let executor: ParallelExecutor;
let dashboard: Dashboard;

beforeAll(async () => {
  executor = new ParallelExecutor({ maxConcurrentTasks: 128 });
  dashboard = await startDashboard({ executor });
});
afterAll(async () => {
  await dashboard.close();
  await executor.close();
});

/** Chains of tasks, with gates in front of the first of each and of those in the middle. */
function startRun(runId: string, gates: { readonly first?: Gate; readonly half?: Gate } = {}): Run {
  const graph = new TaskGraph("many");
  for (let task = 0; task < size; task++) {
    const gate = task < chains ? gates.first : task >= size / 2 && task < size / 2 + chains ? gates.half : undefined;
    const work = async (): Promise<unknown> => (gate === undefined ? task : gate.wait());
    graph.task(`step:${task}`, work, task < chains ? {} : { dependsOn: [`step:${task - chains}`] });
  }
  return executor.run(graph, { runId });
}

test("the server answers while short tasks of the same process follow each other", async () => {
  const run = startRun("busy");
  const { hash, origin } = new URL(dashboard.url);
  const token = new URLSearchParams(hash.slice(1)).get("token");
  const answer = await fetch(`${origin}/api/runs`, { headers: { authorization: `Bearer ${token}` } });
  const { runs } = (await answer.json()) as { runs: { id: string; state: string }[] };
  expect(runs).toMatchObject([{ id: "busy", state: "running" }]);
  expect(run.result(`step:${size - 1}`)).toBeUndefined();
  expect([...(await run.results).values()].every(({ success }) => success)).toBe(true);
}, 120_000);

describe.runIf(present("chromium"))("the page of a run of 100,000 tasks", { timeout: browserTestMs }, () => {
  test("comes to where the run is, at its half and at its end, in less than 300 MB", async () => {
    const browser = await TestBrowser.launch();
    const [first, half] = [new Gate(), new Gate()];
    const run = startRun("many", { first, half });
    let sequence = -1;
    run.observe({
      observe(event: RunEvent) {
        sequence = event.sequence;
      },
    });
    const page = await browser.open(`${dashboard.url}&run=many`);
    const shows = (words: string) => page.locator(".legend").getByText(words).waitFor();
    await page.getByRole("heading", { name: "many" }).waitFor();
    await shows("0 of 100,000");

    await page.keyboard.press("4");
    first.open();
    await shows("50,000 of 100,000");
    expect(half.waiting).toBe(chains);
    await page.reload();
    await shows("50,000 of 100,000");

    half.open();
    await run.results;
    await expect.poll(() => page.evaluate("Number(document.documentElement.dataset.sequence)")).toBe(sequence);
    for (const view of ["1", "2", "3", "4"]) await page.keyboard.press(view);
    await page.getByRole("status").getByText("100,000 of 100,000").waitFor();
    const client = await page.context().newCDPSession(page);
    await client.send("HeapProfiler.collectGarbage");
    const heap = (await client.send("Runtime.getHeapUsage")) as Readonly<Record<string, number>>;
    // Typed arrays and the document lie outside of the script's own heap.
    const used = heap.usedSize! + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0);
    expect(used).toBeLessThan(300e6);
    expect(browser.complaints).toEqual([]);
    await browser.close();
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
