/** Names, errors and output that were made to harm a page; what a page keeps from some readers; and a run of 100,000 tasks. */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { RunEvent } from "#src/model/event.js";
import { TaskGraph } from "#src/model/graph.js";
import { present } from "../support/require-component.js";
import { TestBrowser } from "./browser.js";

const script = "<script>window.harmed = true</script>";
const image = '<img src=x onerror="window.harmed = true">';
const frame = '"><iframe srcdoc="<script>parent.harmed = true</script>"></iframe>';
const long = `long ${"x".repeat(480)}`;
const reachedByPage = "Number(document.documentElement.dataset.sequence)";
const backwards = "\u202egnp.exe\u2066\u0000\u001b[31m";

describe.runIf(present("chromium"))("against a browser", () => {
  let browser: TestBrowser;
  let executor: ParallelExecutor;
  let dashboard: Dashboard;

  beforeAll(async () => {
    browser = await TestBrowser.launch();
    executor = new ParallelExecutor({ maxConcurrentTasks: 64 });
    dashboard = await startDashboard({ executor });
  });
  afterAll(async () => {
    await browser.close();
    await dashboard.close();
    await executor.close();
  });

  const hostile = [script, image, frame, long, backwards, "javascript:alert(1)", "__proto__", "constructor"];

  async function runHostile(): Promise<void> {
    const graph = new TaskGraph(`${script}${image}`);
    for (const id of hostile)
      graph.task(
        id,
        (_inputs, context) => {
          context.log(`${id} ${"y".repeat(100_000)}`);
          context.progress(id);
          throw new Error(`${id} ${"z".repeat(100_000)}`, { cause: { toString: () => image } });
        },
        { name: `${id} ${"k".repeat(100_000)}` },
      );
    graph.task("gives", () => ({ [script]: image, big: "q".repeat(1_000_000), __proto__: null }));
    await executor.run(graph, { runId: "hostile" }).results;
  }

  test("task data is text, whatever it says, in every view and panel, and no other host is asked", async () => {
    await runHostile();
    const page = await browser.open(dashboard.url);
    await page.getByText("Ended: failed").waitFor();
    for (const view of ["1", "2", "3", "4"]) {
      await page.keyboard.press(view);
      await page.locator("#view > div").waitFor();
    }
    for (let task = 0; task < hostile.length; task++) {
      await page.keyboard.press("n");
      await page.locator(".panel .error-message").first().waitFor();
    }
    await page.getByRole("row").getByText("gives").click();
    await page.getByRole("region", { name: "Output" }).waitFor();
    const found = await page.evaluate<{ characters: number }>(`({
      harmed: "harmed" in globalThis,
      elements: document.querySelectorAll("iframe, img, #app script").length,
      wide: document.documentElement.scrollWidth > innerWidth,
      characters: document.body.textContent.length,
    })`);
    expect(found).toMatchObject({ harmed: false, elements: 0, wide: false });
    expect(found.characters).toBeLessThan(200_000);
    expect(browser.complaints.splice(0)).toEqual([]);
    expect([...browser.hosts]).toEqual([`127.0.0.1:${dashboard.port}`]);
    await page.context().close();
  });

  test.each(["light", "dark"] as const)("axe finds nothing serious in %s colours", async (colorScheme) => {
    await executor.run(
      [
        { id: "load", run: (_inputs, context) => context.log("read") },
        {
          id: "bad",
          run: () => Promise.reject(new Error("no network", { cause: new Error("cut") })),
          retries: { attempts: 2, delay: "1ms" },
        },
        { id: "later", dependsOn: ["bad"], run: () => 1 },
      ],
      { runId: `seen-${colorScheme}` },
    ).results;
    // The page's own policy would not let axe in.
    const page = await browser.open(dashboard.url, { colorScheme, bypassCSP: true });
    await page.getByText("Ended: failed").waitFor();
    await page.evaluate(axe.source);
    await page.keyboard.press("n");
    await page.locator(".panel .error-message").first().waitFor();
    for (const view of ["1", "2", "3", "4", "?"]) {
      await page.keyboard.press(view);
      expect({ view, found: await seriousFindings(page) }).toEqual({ view, found: [] });
    }
    await page.context().close();
  });

  test("a run of 100,000 tasks is followed within two seconds and in less than 300 MB", async () => {
    const size = 100_000;
    const page = await browser.open(dashboard.url);
    const graph = new TaskGraph("many");
    for (let task = 0; task < size; task++) {
      const work = () => new Promise<number>((resolve) => setTimeout(() => resolve(task), 2));
      graph.task(`step:${task}`, work, task < 100 ? {} : { dependsOn: [`step:${task - 100}`] });
    }
    const run = executor.run(graph, { runId: "many" });
    /** When the run came to each hundredth event. */
    const reached: number[] = [];
    let sequence = -1;
    run.observe({
      observe(event: RunEvent) {
        sequence = event.sequence;
        if (sequence % 100 === 0) reached[sequence / 100] = Date.now();
      },
    });
    let over = false;
    const results = run.results.finally(() => {
      over = true;
    });
    await page.goto(`${dashboard.url}&run=many`);
    await page.reload();
    await page.getByRole("heading", { name: "many" }).waitFor();
    await page.keyboard.press("4");
    const lags: number[] = [];
    while (!over) {
      const seen = await page.evaluate<number>(reachedByPage);
      // How long ago the run came to the first event that the page does not know of yet.
      const next = reached[Math.floor(Math.max(0, seen) / 100) + 1];
      if (seen >= 0) lags.push(next === undefined ? 0 : Date.now() - next);
    }
    await results;
    await expect.poll(() => page.evaluate<number>(reachedByPage)).toBe(sequence);
    for (const view of ["1", "2", "3", "4"]) await page.keyboard.press(view);
    await page.getByRole("status").getByText("100,000 of 100,000").waitFor();
    const client = await page.context().newCDPSession(page);
    await client.send("HeapProfiler.collectGarbage");
    const heap = (await client.send("Runtime.getHeapUsage")) as Readonly<Record<string, number>>;
    // Typed arrays and the document lie outside of the script's own heap.
    const used = heap.usedSize! + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0);
    lags.sort((left, right) => left - right);
    console.info(
      `  100,000 tasks: ${lags.length} looks, lag median ${lags[lags.length >> 1]} ms, worst ${lags.at(-1)} ms, heap ${(used / 1e6).toFixed(0)} MB`,
    );
    expect(lags.length).toBeGreaterThan(5);
    expect(lags[Math.floor(lags.length * 0.95)]).toBeLessThan(2000);
    expect(used).toBeLessThan(300e6);
    await page.context().close();
  });
});

interface Findings {
  readonly passes: readonly unknown[];
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

async function seriousFindings(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<Findings> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}
