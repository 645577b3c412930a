/**
 * `SandboxManager`: the one door to sandboxes. It checks what it is given; what chooses a backend, bounds how many run and keeps the
 * sessions is loaded when it is first asked for something.
 */
import { availableParallelism } from "node:os";
import { Checker } from "../model/check.js";
import { FirstUse } from "../model/first-use.js";
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { BackendReport } from "./backend.js";
import { resolveSandboxConfig } from "./config.js";
import type { OpenSandboxes } from "./open-sandboxes.js";
import type { SandboxSession, SessionOptions } from "./session.js";
import { type ResolvedWarmOptions, resolveWarmOptions, type WarmOptions } from "./warm-options.js";

/** How a manager is set up. */
export interface SandboxManagerOptions {
  /** Pieces of code that run at once, sessions not counted. Default: twice the number of CPUs, at least 4. */
  readonly maxConcurrent?: number;
  /** Pieces that wait for their turn; one more is refused with `QUEUE_FULL`. Default 1,000. */
  readonly maxQueued?: number;
  /** Sessions at once. Default 16. */
  readonly maxSessions?: number;
  /** What holds for every piece and session that says nothing else. Default: the defaults of `SandboxConfig`. */
  readonly defaults?: SandboxConfig;
  /** How much is kept warm. Default: the defaults of `WarmOptions`. */
  readonly warm?: WarmOptions;
}

/** What `listSessions` tells of each. */
export interface SessionInfo {
  /** Id of the session. */
  readonly id: string;
  /** Name of its language. */
  readonly language: string;
  /** Whether it waits, runs a piece of code, or has ended. */
  readonly state: SandboxSession["state"];
}

const optionNames = ["maxConcurrent", "maxQueued", "maxSessions", "defaults", "warm"] as const;

/** The options with every question answered. */
export interface ManagerSettings {
  readonly maxConcurrent: number;
  readonly maxQueued: number;
  readonly maxSessions: number;
  readonly defaults: SandboxConfig;
  readonly warm: ResolvedWarmOptions;
}

/**
 * Sandboxes for a program that runs many pieces of code: one at a time each, or sessions that keep their state.
 *
 * @example
 * await using manager = new SandboxManager({ defaults: { memoryLimit: "256MB" } });
 * await using session = await manager.createSession({ language: "python" });
 * await session.executeCode("total = 40");
 * console.log((await session.executeCode("total + 2")).value); // prints 42
 */
export class SandboxManager implements AsyncDisposable {
  readonly #open: FirstUse<OpenSandboxes>;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: SandboxManagerOptions = {}) {
    const check = new Checker("sandboxManager");
    if (!check.object("", options, optionNames)) check.finish();
    const range = { minimum: 1, maximum: 1000, integer: true };
    const parallel = Math.max(4, 2 * availableParallelism());
    const defaults = options.defaults ?? {};
    const settings: ManagerSettings = {
      maxConcurrent: check.number("maxConcurrent", options.maxConcurrent, range, parallel),
      maxQueued: check.number("maxQueued", options.maxQueued, { minimum: 0, maximum: 1e6, integer: true }, 1000),
      maxSessions: check.number("maxSessions", options.maxSessions, { ...range, minimum: 0 }, 16),
      warm: resolveWarmOptions(check, options.warm),
      defaults,
    };
    check.finish();
    resolveSandboxConfig(defaults, "sandboxManager.defaults");
    this.#open = new FirstUse(async () => new (await import("./open-sandboxes.js")).OpenSandboxes(settings));
  }

  /**
   * Runs one piece of code in a sandbox of its own. Resolves with a verdict, whatever the code does.
   *
   * @throws InvalidOptionError, UnsupportedLimitError or OrchestratorError (`PACKAGE_NOT_FOUND`, `SANDBOX_FAILURE`,
   *   `QUEUE_FULL`, `EXECUTOR_CLOSED`) before any code has run.
   */
  executeCode(
    code: string,
    options: ExecuteCodeOptions = {},
    config: SandboxConfig = {},
  ): Promise<SandboxExecutionResult> {
    return this.#open.use((sandboxes) => sandboxes.executeCode(code, options, config));
  }

  /** Opens a sandbox that keeps its state between pieces of code. Close it, or declare it with `await using`. */
  createSession(options: SessionOptions = {}): Promise<SandboxSession> {
    return this.#open.use((sandboxes) => sandboxes.createSession(options));
  }

  /** A session that was opened here and has not ended. */
  getSession(id: string): SandboxSession | undefined {
    return this.#open.made?.getSession(id);
  }

  /** The sessions that were opened here and have not ended. */
  listSessions(): readonly SessionInfo[] {
    return this.#open.made?.listSessions() ?? [];
  }

  /** Whether there was such a session. */
  async destroySession(id: string): Promise<boolean> {
    return this.#open.made?.destroySession(id) ?? false;
  }

  /** What each backend can hold on this host, each by having tried, and why the defaults take this one and not the others. */
  capabilities(): Promise<readonly BackendReport[]> {
    return this.#open.use((sandboxes) => sandboxes.capabilities());
  }

  /** Pieces that run and that wait. */
  get load(): { readonly running: number; readonly waiting: number; readonly sessions: number } {
    return this.#open.made?.load ?? { running: 0, waiting: 0, sessions: 0 };
  }

  /** Refuses what waits, lets what runs come to its end, ends sessions and spares. Idempotent. */
  close(): Promise<void> {
    return this.#open.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
