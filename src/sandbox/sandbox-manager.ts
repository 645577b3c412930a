/** `SandboxManager`: the one door to sandboxes. It chooses the backend, bounds how many run, and keeps the sessions. */
import { availableParallelism } from "node:os";
import { Checker } from "../model/check.js";
import { OrchestratorError } from "../model/error.js";
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { BackendReport, SandboxBackend } from "./backend.js";
import { BackendChooser } from "./choose-backend.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "./config.js";
import "./language/index.js";
import { resolveCodeRequest } from "./request.js";
import { RunQueue } from "./run-queue.js";
import type { SandboxSession, SessionOptions } from "./session.js";
import { resolveWarmOptions, type WarmOptions } from "./warm-options.js";

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
  readonly #chooser: BackendChooser;
  readonly #defaults: SandboxConfig;
  readonly #queue: RunQueue;
  readonly #maxSessions: number;
  readonly #sessions = new Map<string, SandboxSession>();
  readonly #choices = new Map<string, Promise<SandboxBackend>>();
  #opening = 0;
  #closed: Promise<void> | undefined;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(options: SandboxManagerOptions = {}) {
    const check = new Checker("sandboxManager");
    if (!check.object("", options, optionNames)) check.finish();
    const range = { minimum: 1, maximum: 1000, integer: true };
    const parallel = Math.max(4, 2 * availableParallelism());
    const maxConcurrent = check.number("maxConcurrent", options.maxConcurrent, range, parallel);
    const maxQueued = check.number("maxQueued", options.maxQueued, { minimum: 0, maximum: 1e6, integer: true }, 1000);
    this.#maxSessions = check.number("maxSessions", options.maxSessions, { ...range, minimum: 0 }, 16);
    const warm = resolveWarmOptions(check, options.warm);
    check.finish();
    this.#chooser = new BackendChooser({ warm });
    this.#defaults = options.defaults ?? {};
    resolveSandboxConfig(this.#defaults, "sandboxManager.defaults");
    this.#queue = new RunQueue(maxConcurrent, maxQueued);
  }

  /**
   * Runs one piece of code in a sandbox of its own. Resolves with a verdict, whatever the code does.
   *
   * @throws InvalidOptionError, UnsupportedLimitError or OrchestratorError (`PACKAGE_NOT_FOUND`, `SANDBOX_FAILURE`,
   *   `QUEUE_FULL`, `EXECUTOR_CLOSED`) before any code has run.
   */
  async executeCode(
    code: string,
    options: ExecuteCodeOptions = {},
    config: SandboxConfig = {},
  ): Promise<SandboxExecutionResult> {
    const resolved = this.#resolve(config);
    const request = resolveCodeRequest(code, options, { env: resolved.env });
    this.#refuseWhenClosed();
    const backend = await this.#backendFor(resolved);
    return this.#queue.run(() => backend.run(resolved, request), options.signal);
  }

  /** Opens a sandbox that keeps its state between pieces of code. Close it, or declare it with `await using`. */
  async createSession(options: SessionOptions = {}): Promise<SandboxSession> {
    const { language: _language, idleLimit: _idleLimit, ...config } = options;
    const resolved = this.#resolve(config);
    this.#refuseWhenClosed();
    if (this.#liveSessions().length + this.#opening >= this.#maxSessions) {
      const message = `${this.#maxSessions} sessions are open, which is the most; close one or raise maxSessions`;
      throw new OrchestratorError("QUEUE_FULL", message);
    }
    this.#opening++;
    try {
      const backend = await this.#backendFor(resolved);
      const session = await backend.createSession(resolved, options);
      if (this.#closed !== undefined) await session.close();
      this.#refuseWhenClosed();
      this.#sessions.set(session.id, session);
      return session;
    } finally {
      this.#opening--;
    }
  }

  /** A session that was opened here and has not ended. */
  getSession(id: string): SandboxSession | undefined {
    const session = this.#sessions.get(id);
    return session?.state === "ended" ? undefined : session;
  }

  /** The sessions that were opened here and have not ended. */
  listSessions(): readonly SessionInfo[] {
    return this.#liveSessions().map(({ id, language, state }) => ({ id, language, state }));
  }

  /** Whether there was such a session. */
  async destroySession(id: string): Promise<boolean> {
    const session = this.getSession(id);
    if (session === undefined) return false;
    await session.close();
    this.#sessions.delete(id);
    return true;
  }

  /** What each backend can hold on this host, each by having tried, and why the defaults take this one and not the others. */
  capabilities(): Promise<readonly BackendReport[]> {
    return this.#chooser.report(this.#resolve({}));
  }

  /** Pieces that run and that wait. */
  get load(): { readonly running: number; readonly waiting: number; readonly sessions: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting, sessions: this.#liveSessions().length };
  }

  /** Refuses what waits, lets what runs come to its end, ends sessions and spares. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([this.#queue.close(), ...this.#liveSessions().map((session) => session.close())]);
    await this.#chooser.close();
  }

  #resolve(config: SandboxConfig): ResolvedSandboxConfig {
    return resolveSandboxConfig({ ...this.#defaults, ...config });
  }

  /** Which backend holds this is asked once for each set of limits. */
  #backendFor(config: ResolvedSandboxConfig): Promise<SandboxBackend> {
    const { runtime, minIsolation, docker, vm, asked, degradable, networkDisabled } = config;
    const key = JSON.stringify([runtime, minIsolation, docker, vm, [...asked], [...degradable], networkDisabled]);
    const known = this.#choices.get(key);
    if (known !== undefined) return known;
    const choice = this.#chooser.choose(config);
    this.#choices.set(key, choice);
    choice.catch(() => this.#choices.delete(key));
    return choice;
  }

  #liveSessions(): SandboxSession[] {
    for (const [id, session] of this.#sessions) if (session.state === "ended") this.#sessions.delete(id);
    return [...this.#sessions.values()];
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== undefined) throw new OrchestratorError("EXECUTOR_CLOSED", "the sandbox manager is closed");
  }
}
