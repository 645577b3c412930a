/** Names, errors and output that were made to harm a page, and what a page keeps from some readers. */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { TaskGraph } from "#src/model/graph.js";
import { present } from "../support/require-component.js";
import { browserTestMs, TestBrowser } from "./browser.js";

const script = "<script>window.harmed = true</script>";
const image = '<img src=x onerror="window.harmed = true">';
const frame = '"><iframe srcdoc="<script>parent.harmed = true</script>"></iframe>';
const long = `long ${"x".repeat(480)}`;
const backwards = "\u202egnp.exe\u2066\u0000\u001b[31m";

describe.runIf(present("chromium"))("against a browser", { timeout: browserTestMs }, () => {
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
