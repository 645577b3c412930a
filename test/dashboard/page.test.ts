/** The page as people use it: in a real browser, against a real run whose tasks the test holds and releases. */

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Run } from "#src/executor/run.js";
import { TaskGraph } from "#src/model/graph.js";
import type { Task } from "#src/model/task.js";
import { present } from "../support/require-component.js";
import { browserTestMs, TestBrowser } from "./browser.js";

/** Tasks that end when the test says so. */
class Gates {
  readonly #open = new Map<string, () => void>();

  wait(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open.set(name, resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  open(name: string): void {
    this.#open.get(name)!();
  }
}

describe.runIf(present("chromium"))("the page", { timeout: browserTestMs }, () => {
  let browser: TestBrowser;
  const opened: { executor: ParallelExecutor; dashboard: Dashboard; page: Page }[] = [];

  beforeAll(async () => {
    browser = await TestBrowser.launch();
  });
  afterEach(async () => {
    for (const { executor, dashboard, page } of opened.splice(0)) {
      await page.context().close();
      await dashboard.close();
      await executor.close();
    }
    expect(browser.complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser.close());

  async function show(tasks: readonly Task[], name = "films"): Promise<{ page: Page; run: Run; dashboard: Dashboard }> {
    const executor = new ParallelExecutor({ maxConcurrentTasks: 4 });
    const dashboard = await startDashboard({ executor });
    const graph = new TaskGraph(name);
    for (const { id, run, inputs: _none, ...options } of tasks) graph.task(id, run as () => unknown, options);
    const run = executor.run(graph, { runId: "first" });
    const page = await browser.open(dashboard.url);
    opened.push({ executor, dashboard, page });
    await page.getByRole("heading", { name }).waitFor();
    return { page, run, dashboard };
  }

  const legend = (page: Page, words: string) => page.locator(".legend").getByText(words, { exact: false });

  test("tells what runs, what failed and why, and what holds it back, while it changes", async () => {
    const gates = new Gates();
    const { page, run } = await show([
      { id: "load", run: (_inputs, { signal }) => gates.wait("load", signal) },
      { id: "rates", run: () => Promise.reject(new Error("no route to host")) },
      { id: "clean", dependsOn: ["load"], run: (_inputs, { signal }) => gates.wait("clean", signal) },
      { id: "report", dependsOn: ["clean", "rates"], run: () => 1 },
    ]);
    await page.getByText("running, 1 failed").waitFor();
    await page.getByText("The task that waits needs load").waitFor();
    const failures = page.locator(".card.failures");
    await failures.getByText("no route to host").waitFor();
    await failures.getByRole("button", { name: "rates" }).waitFor();
    await page.getByRole("button", { name: "load: \u25b6 running" }).waitFor();

    gates.open("load");
    await page.getByRole("button", { name: "load: \u2713 succeeded" }).waitFor();
    await page.locator(".card.now").getByText("clean").waitFor();
    gates.open("clean");
    await page.getByText("Ended: failed").waitFor();
    await page.getByText(/Ended after .*: 1 task failed, 1 skipped/).waitFor();
    expect((await run.results).get("report")?.status).toBe("skipped");
    expect(await page.title()).toBe("films: failed");
  });

  test("opens a failed task with its log, error, cause and attempts", async () => {
    const { page } = await show([
      {
        id: "fetch",
        retries: { attempts: 2, delay: "5ms" },
        run: (_inputs, context) => {
          context.log(`try number ${context.attempt}`);
          throw new Error("the answer was cut", { cause: new TypeError("byte 7 is no text") });
        },
      },
      { id: "after", dependsOn: ["fetch"], run: () => 1 },
      { id: "count", run: () => ({ rows: 3201 }) },
    ]);
    await page.getByText("Ended: failed").waitFor();
    await page.keyboard.press("n");
    const panel = page.getByRole("complementary", { name: "fetch" });
    await expect.poll(() => panel.textContent()).toContain("byte 7 is no text");
    const text = await panel.textContent();
    for (const piece of ["the answer was cut", "TypeError", "try number 1", "try number 2", "Attempts", "Needed by 1"])
      expect(text).toContain(piece);
    await panel.getByRole("button", { name: "after" }).click();
    await page.getByRole("complementary", { name: "after" }).getByText("It began in").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator(".panel").count()).toBe(0);
    await page.getByRole("button", { name: /^count:/ }).click();
    await page.getByText("{ rows: 3201 }").waitFor();
  });

  test("says what the colours of the timeline mean, those of attempts that were tried again among them", async () => {
    const { page } = await show([
      {
        id: "flaky",
        retries: { attempts: 2, delay: "5ms" },
        run: (_inputs, { attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : attempt),
      },
      { id: "well", run: () => 1 },
    ]);
    await page.getByText("Ended: succeeded").waitFor();
    await page.keyboard.press("2");
    const key = page.getByRole("list", { name: "Colours of the bars" });
    await key.getByText("failed, tried again").waitFor();
    const colours = await key.getByRole("listitem").evaluateAll((items) => {
      const { getComputedStyle } = globalThis as unknown as {
        getComputedStyle(element: unknown): { readonly backgroundColor: string };
      };
      return items.map((item) => [item.textContent, getComputedStyle(item.querySelector(".swatch")).backgroundColor]);
    });
    expect(colours.map(([words]) => words?.replace(/^\W+/u, ""))).toEqual(["failed, tried again", "succeeded"]);
    expect(new Set(colours.map(([, colour]) => colour)).size).toBe(2);
  });

  test("filters, sorts and walks the table by the keyboard", async () => {
    const tasks = Array.from({ length: 300 }, (_, place) => ({
      id: `part:${place}`,
      run: () => (place % 100 === 7 ? Promise.reject(new Error(`bad part ${place}`)) : place),
    }));
    const { page } = await show(tasks);
    await page.getByText("Ended: failed").waitFor();
    await page.keyboard.press("4");
    await page.getByRole("status").getByText("300 of 300").waitFor();
    const first = page.getByRole("row").nth(1);
    await expect.poll(() => first.locator(".task").textContent()).toBe("part:7");
    await legend(page, "3 failed").click();
    await page.getByRole("status").getByText("3 of 300").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("part 107");
    await page.getByRole("status").getByText("1 of 300").waitFor();
    await page.keyboard.press("Escape");
    await legend(page, "3 failed").click();
    await page.getByRole("button", { name: "Task", exact: true }).click();
    await page.getByRole("grid").focus();
    for (const key of ["End", "ArrowUp", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("complementary", { name: "part:98" }).waitFor();
    // Only what can be seen is in the document.
    expect(await page.getByRole("row").count()).toBeLessThan(80);
  });

  test("draws many tasks as groups, which can be opened", async () => {
    const tasks: Task[] = Array.from({ length: 70 }, (_, place) => ({ id: `load:${place}`, run: () => place }));
    tasks.push({ id: "sum", dependsOn: tasks.map(({ id }) => id), run: () => 1 });
    const { page } = await show(tasks);
    await page.getByRole("button", { name: "load: 70 of 70 done" }).click();
    await page.getByRole("button", { name: "load:42: \u2713 succeeded" }).click();
    await page.getByRole("complementary", { name: "load:42" }).waitFor();
    await page.getByRole("button", { name: "Close groups" }).click();
    await page.getByRole("button", { name: "load: 70 of 70 done" }).waitFor();
  });

  test("cancels a task, then the run", async () => {
    const gates = new Gates();
    const { page, run } = await show([
      { id: "slow", run: (_inputs, { signal }) => gates.wait("slow", signal) },
      { id: "other", run: (_inputs, { signal }) => gates.wait("other", signal) },
      { id: "last", dependsOn: ["slow"], run: () => 1 },
    ]);
    await page.getByRole("button", { name: /^slow:/ }).click();
    await page.getByRole("button", { name: "Cancel task" }).click();
    await legend(page, "1 skipped").waitFor();
    await page.getByRole("button", { name: "Cancel run" }).click();
    await page.getByText("Ended: cancelled").waitFor();
    const results = await run.results;
    expect([...results.values()].map(({ taskId, status }) => `${taskId} ${status}`)).toEqual([
      "slow cancelled",
      "other cancelled",
      "last skipped",
    ]);
    expect(results.get("other")?.error?.message).toContain("cancelled from the dashboard");
  });

  test("runs again what failed, with what had succeeded as it was", async () => {
    let loads = 0;
    let broken = true;
    const { page } = await show([
      { id: "load", run: () => ++loads },
      { id: "send", dependsOn: ["load"], run: () => (broken ? Promise.reject(new Error("no network")) : "sent") },
      { id: "note", dependsOn: ["send"], run: () => "noted" },
    ]);
    await page.getByText("Ended: failed").waitFor();
    broken = false;
    await page.getByRole("button", { name: "Retry failed" }).click();
    await page.locator(".notice").getByText("Running again as first.2").waitFor();
    await page.getByText("Ended: succeeded").waitFor();
    await legend(page, "3 succeeded").waitFor();
    expect(loads).toBe(1);
    await page.getByRole("combobox", { name: "Run" }).selectOption("first");
    await page.getByText("Ended: failed").waitFor();
  });

  test("shows the same after a reload, without the token in its address", async () => {
    const gates = new Gates();
    const { page } = await show([{ id: "hold", run: (_inputs, { signal }) => gates.wait("hold", signal) }]);
    await page.keyboard.press("4");
    await page.getByRole("row").getByText("hold").click();
    expect(page.url()).not.toContain("token");
    await page.reload();
    await page.getByRole("complementary", { name: "hold" }).waitFor();
    await page.getByRole("tab", { name: "Tasks", selected: true }).waitFor();
    gates.open("hold");
    await page.getByText("Ended: succeeded").waitFor();
  });
});
