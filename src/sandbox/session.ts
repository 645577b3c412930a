/** A sandbox that keeps its state between several pieces of code. */
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { Duration } from "../model/units.js";

/** What `SandboxManager.createSession` takes: a configuration, and what concerns sessions alone. */
export interface SessionOptions extends SandboxConfig {
  /** Default `"python"`. */
  readonly language?: string;
  /** A session that was not used for so long is destroyed. Default 10 minutes. */
  readonly idleLimit?: Duration;
}

/** What a session does now. */
export type SessionState = "idle" | "running" | "ended";

/** Why a session ended; its later calls reject with an `OrchestratorError` of code `SESSION_ENDED` that says so. */
export interface SessionEnd {
  /** Why, as data. */
  readonly reason: "closed" | "idle" | "timeout" | "limit" | "exited" | "failure";
  /** Why, in words. */
  readonly message: string;
}

/** A sandbox that keeps its state between pieces of code. Made by `SandboxManager.createSession`. */
export interface SandboxSession extends AsyncDisposable {
  /** Unique in its manager. */
  readonly id: string;
  /** Name of its language. */
  readonly language: string;
  /** Whether it waits, runs a piece of code, or has ended. */
  readonly state: SessionState;
  /** Why it ended; `undefined` while it has not. */
  readonly end: SessionEnd | undefined;
  /**
   * Runs one more piece of code; pieces that are given at once run one after the other. The time limit holds for each
   * piece. A piece that hits a limit ends the session, and its result says so: state is never half kept.
   */
  executeCode(code: string, options?: Omit<ExecuteCodeOptions, "language">): Promise<SandboxExecutionResult>;
  /** Lays a file into the working folder. @throws InvalidOptionError for a name that leaves the folder. */
  putFile(name: string, content: string | Uint8Array): Promise<void>;
  /** Reads a file of the working folder; no link is followed. */
  getFile(name: string): Promise<Uint8Array>;
  /** Files of the working folder, with their sizes in bytes. */
  listFiles(): Promise<readonly { readonly name: string; readonly size: number }[]>;
  /** Ends the session and everything that it started. Idempotent. */
  close(): Promise<void>;
}
