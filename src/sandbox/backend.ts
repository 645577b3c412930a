/**
 * The interface that the process, docker and vm backends implement. A backend says what it can hold on this host, by
 * having tried it, and runs one piece of code at a time for each call.
 */
import type { Enforcement, LimitName, SandboxBackendName, SandboxExecutionResult } from "../model/sandbox.js";
import type { ResolvedSandboxConfig } from "./config.js";
import type { CodeRequest } from "./request.js";
import type { SandboxSession, SessionOptions } from "./session.js";

/** What one backend can do on this host. */
export interface BackendCapabilities {
  readonly backend: SandboxBackendName;
  /** Whether a sandbox can be made at all. */
  readonly available: boolean;
  /** Why not, and what to do; absent where it is available. */
  readonly reason?: string;
  readonly remedy?: string;
  /** For each limit the strongest thing that holds it here. */
  readonly limits: readonly LimitCapability[];
  /** Languages that have an interpreter, with its version; the others with the reason. */
  readonly languages: readonly LanguageCapability[];
}

export interface LimitCapability extends Enforcement {
  readonly limit: LimitName;
  /** How to have it held more strictly; absent where it is `enforced`. */
  readonly remedy?: string;
}

export interface LanguageCapability {
  readonly language: string;
  readonly version?: string;
  readonly missing?: string;
  readonly remedy?: string;
}

export interface SandboxBackend {
  readonly name: SandboxBackendName;
  /** Attempts each violation once and sees whether it is stopped; later calls answer from memory. */
  capabilities(): Promise<BackendCapabilities>;
  /**
   * Refuses before any code runs.
   * @throws UnsupportedLimitError where a limit that was asked for is not `enforced` here and not degradable.
   * @throws OrchestratorError `SANDBOX_FAILURE` where the backend is not available.
   */
  check(config: ResolvedSandboxConfig): Promise<void>;
  /** Runs one piece of code; always resolves once it is checked, with a verdict. */
  run(config: ResolvedSandboxConfig, request: CodeRequest): Promise<SandboxExecutionResult>;
  createSession(config: ResolvedSandboxConfig, options: SessionOptions): Promise<SandboxSession>;
  /** Ends every run, session and warm sandbox, and gives back all that the backend holds. */
  close(): Promise<void>;
}
