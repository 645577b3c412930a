/** `--ui`: the page in the browser, for as long as a run goes on, or until Ctrl-C. */
import type { DashboardExecutor } from "../dashboard/index.js";
import { UsageError } from "./exit-code.js";

export interface LivePageFlags {
  readonly ui?: boolean;
  readonly uiPort?: number;
  readonly uiKeep?: boolean;
  readonly json?: boolean;
}

export interface LivePage {
  /** Waits for Ctrl-C where `--ui-keep` was given; returns at once elsewhere. */
  keep(): Promise<void>;
  close(): Promise<void>;
}

/** Serves the page and prints its address; nothing where no flag asks for it. */
export async function openLivePage(executor: DashboardExecutor, flags: LivePageFlags): Promise<LivePage | undefined> {
  const { ui, uiPort, uiKeep } = flags;
  if (ui !== true && uiPort === undefined && uiKeep !== true) return undefined;
  // Loaded here, because most runs have no page.
  const { startDashboard } = await import("../dashboard/index.js");
  const dashboard = await explainPort(startDashboard({ executor, port: uiPort ?? 0 }), uiPort);
  const stream = flags.json === true ? process.stderr : process.stdout;
  stream.write(`Live page: ${dashboard.url}\n`);
  return {
    async keep() {
      if (uiKeep !== true) return;
      stream.write(`\nThe page stays open at ${dashboard.url}\nPress Ctrl-C to end.\n`);
      await interrupted();
    },
    close: () => dashboard.close(),
  };
}

/** A port that is taken is the caller's to change, and no fault of this program. */
export async function explainPort<Value>(starting: Promise<Value>, port: number | undefined): Promise<Value> {
  try {
    return await starting;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    throw new UsageError(`the live page cannot listen at port ${port ?? 0}: ${message}`);
  }
}

export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    // Keeps this process alive, which an open page alone does not.
    const awake = setInterval(() => undefined, 1 << 30);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => {
        clearInterval(awake);
        resolve();
      });
  });
}
