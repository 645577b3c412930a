/** Debian's Chromium, one for a test file, with pages that fail a test by any error of their own. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long to wait for what a page will show: a browser starts slowly on a machine that does much else. */
export const browserPatienceMs = 60_000;
/** Of a whole test in a browser. */
export const browserTestMs = 240_000;

export class TestBrowser {
  readonly #browser: Browser;
  /** What pages complained of: errors, and refusals of the content security policy. */
  readonly complaints: string[] = [];
  /** Hosts that pages asked for anything. */
  readonly hosts = new Set<string>();

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    return new TestBrowser(await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags }));
  }

  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: { width: 1440, height: 860 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(browserPatienceMs);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    page.on("console", (message) => {
      // Refusals that a test provokes on purpose are told as failed loads.
      if (message.type() === "error" && !/Failed to load resource|ERR_CONNECTION/.test(message.text()))
        this.complaints.push(message.text());
    });
    page.on("request", (request) => this.hosts.add(new URL(request.url()).host));
    await page.goto(url);
    return page;
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}
