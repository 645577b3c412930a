/** A browser that looks at the page of a run: when it showed what, and what that took of its memory. */
import { chromium } from "playwright-core";

/** What a browser saw. */
export interface Seen {
  /** Sequence that the page showed, and since when: milliseconds since the epoch. */
  readonly shown: readonly (readonly [sequence: number, at: number])[];
  readonly heapBytes: number;
}

// Written in the page, where each change of its sequence is noted at once: asking from outside would come late.
const noteSequences = `
  window.shown = [];
  addEventListener("DOMContentLoaded", () => {
    const root = document.documentElement;
    new MutationObserver(() => window.shown.push([Number(root.dataset.sequence), Date.now()]))
      .observe(root, { attributes: true, attributeFilter: ["data-sequence"] });
  });
`;

export class Watcher {
  readonly #close: () => Promise<void>;
  readonly #page: import("playwright-core").Page;

  private constructor(page: import("playwright-core").Page, close: () => Promise<void>) {
    this.#page = page;
    this.#close = close;
  }

  /** Opens the page at its view of that key: `"1"` the graph, `"4"` the table. */
  static async open(url: string, view: string): Promise<Watcher> {
    const browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--headless", "--no-sandbox", "--disable-gpu"],
    });
    const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
    await page.addInitScript(noteSequences);
    await page.goto(url);
    await page.keyboard.press(view);
    return new Watcher(page, () => browser.close());
  }

  /** Waits until the page shows the end of the run. */
  async seen(lastSequence: number): Promise<Seen> {
    // The page's own policy forbids to evaluate text in it, which waiting for a condition would do.
    const end = this.#page.locator(`html[data-sequence="${lastSequence}"]`);
    await end.waitFor({ state: "attached", timeout: 120_000 });
    const shown = await this.#page.evaluate<Seen["shown"]>("window.shown");
    const client = await this.#page.context().newCDPSession(this.#page);
    await client.send("HeapProfiler.collectGarbage");
    const heap = (await client.send("Runtime.getHeapUsage")) as Readonly<Record<string, number>>;
    // Typed arrays and the document lie outside of the script's own heap.
    const heapBytes = heap.usedSize! + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0);
    return { shown, heapBytes };
  }

  close(): Promise<void> {
    return this.#close();
  }
}
