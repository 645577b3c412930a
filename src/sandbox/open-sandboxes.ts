/** The sandboxes behind a `SandboxManager`: the backends that were chosen, the queue, and the sessions. */
import { OrchestratorError } from "../model/error.js";
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { BackendReport, SandboxBackend } from "./backend.js";
import { BackendChooser } from "./choose-backend.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "./config.js";
import "./language/index.js";
import { resolveCodeRequest } from "./request.js";
import { RunQueue } from "./run-queue.js";
import type { ManagerSettings, SessionInfo } from "./sandbox-manager.js";
import type { SandboxSession, SessionOptions } from "./session.js";

export class OpenSandboxes {
  readonly #chooser: BackendChooser;
  readonly #defaults: SandboxConfig;
  /** Of runs that ask for nothing else. */
  readonly #resolvedDefaults: ResolvedSandboxConfig;
  readonly #queue: RunQueue;
  readonly #maxSessions: number;
  readonly #sessions = new Map<string, SandboxSession>();
  readonly #choices = new Map<string, Promise<SandboxBackend>>();
  #opening = 0;
  #closed: Promise<void> | undefined;

  constructor({ warm, defaults, maxConcurrent, maxQueued, maxSessions }: ManagerSettings) {
    this.#chooser = new BackendChooser({ warm });
    this.#defaults = defaults;
    this.#resolvedDefaults = resolveSandboxConfig(defaults);
    this.#queue = new RunQueue(maxConcurrent, maxQueued);
    this.#maxSessions = maxSessions;
  }

  async executeCode(code: string, options: ExecuteCodeOptions, config: SandboxConfig): Promise<SandboxExecutionResult> {
    const resolved = this.#resolve(config);
    const request = resolveCodeRequest(code, options, { env: resolved.env });
    this.#refuseWhenClosed();
    const backend = await this.#backendFor(resolved);
    return this.#queue.run(() => backend.run(resolved, request), options.signal);
  }

  async createSession(options: SessionOptions): Promise<SandboxSession> {
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

  getSession(id: string): SandboxSession | undefined {
    const session = this.#sessions.get(id);
    return session?.state === "ended" ? undefined : session;
  }

  listSessions(): readonly SessionInfo[] {
    return this.#liveSessions().map(({ id, language, state }) => ({ id, language, state }));
  }

  async destroySession(id: string): Promise<boolean> {
    const session = this.getSession(id);
    if (session === undefined) return false;
    await session.close();
    this.#sessions.delete(id);
    return true;
  }

  capabilities(): Promise<readonly BackendReport[]> {
    return this.#chooser.report(this.#resolve({}));
  }

  get load(): { readonly running: number; readonly waiting: number; readonly sessions: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting, sessions: this.#liveSessions().length };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#queue.close(), ...this.#liveSessions().map((session) => session.close())]);
    await this.#chooser.close();
  }

  #resolve(config: SandboxConfig): ResolvedSandboxConfig {
    if (Object.keys(config).length === 0) return this.#resolvedDefaults;
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
