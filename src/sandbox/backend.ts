/**
 * The interface that the process, docker and vm backends implement. A backend says what it can hold on this host, by
 * having tried it, and runs one piece of code at a time for each call.
 */
import {
  type Enforcement,
  type LimitName,
  type SandboxBackendName,
  type SandboxExecutionResult,
  type SandboxIsolation,
  sandboxIsolations,
  UnsupportedLimitError,
} from "../model/sandbox.js";
import type { ResolvedSandboxConfig } from "./config.js";
import type { CodeRequest } from "./request.js";
import type { SandboxSession, SessionOptions } from "./session.js";

/** What one backend can do on this host. */
export interface BackendCapabilities {
  /** Which one. */
  readonly backend: SandboxBackendName;
  /** Whether a sandbox can be made at all. */
  readonly available: boolean;
  /** Why not, and what to do; absent where it is available. */
  readonly reason?: string;
  /** What makes it available; absent where it is. */
  readonly remedy?: string;
  /** The strongest wall that it can put up here; absent where it is not available. */
  readonly isolation?: SandboxIsolation;
  /** For each limit the strongest thing that holds it here. */
  readonly limits: readonly LimitCapability[];
  /** Languages that have an interpreter, with its version; the others with the reason. */
  readonly languages: readonly LanguageCapability[];
}

/** What holds a limit on this host. */
export interface LimitCapability extends Enforcement {
  /** Which limit. */
  readonly limit: LimitName;
  /** How to have it held more strictly; absent where it is `enforced`. */
  readonly remedy?: string;
}

/** Whether a language can be run here. */
export interface LanguageCapability {
  /** Its name. */
  readonly language: string;
  /** Version of its interpreter; absent where there is none. */
  readonly version?: string;
  /** Why there is no interpreter. */
  readonly missing?: string;
  /** How to get one. */
  readonly remedy?: string;
}

/** What a manager tells of a backend: what it can do, and whether it would be taken. */
export interface BackendReport extends BackendCapabilities {
  /** Whether sandboxes of the manager's own defaults are made by this one. */
  readonly chosen: boolean;
  /** Why it is not chosen. */
  readonly passedOver?: string;
}

/** @throws UnsupportedLimitError where `offered` is a weaker wall than what was asked for. */
export function requireIsolation(
  wanted: SandboxIsolation,
  offered: SandboxIsolation,
  { reason, remedy }: { readonly reason: string; readonly remedy: string },
): void {
  if (sandboxIsolations.indexOf(offered) >= sandboxIsolations.indexOf(wanted)) return;
  throw new UnsupportedLimitError("minIsolation", `"${wanted}" was asked for and ${reason}`, remedy);
}

/**
 * A limit that was written down must be held; one that is a default is held as well as it can be.
 *
 * @throws UnsupportedLimitError for the first that is neither `enforced` nor degradable.
 */
export function requireLimits(config: ResolvedSandboxConfig, limits: readonly LimitCapability[]): void {
  for (const { limit, strength, detail, remedy } of limits) {
    if (limit === "network" || limit === "filesystem" || limit === "syscalls" || limit === "minIsolation") continue;
    if (strength === "enforced" || !config.asked.has(limit) || config.degradable.has(limit)) continue;
    throw new UnsupportedLimitError(
      limit,
      detail ?? "nothing here holds it",
      `${remedy ?? "use another backend"}, or accept less with onUnsupported: ["${limit}"]`,
    );
  }
}

export interface SandboxBackend {
  readonly name: SandboxBackendName;
  /** Attempts each violation once and sees whether it is stopped; later calls answer from memory. */
  capabilities(config?: ResolvedSandboxConfig): Promise<BackendCapabilities>;
  /**
   * Refuses before any code runs.
   * @throws UnsupportedLimitError where a limit that was asked for is not `enforced` here and not degradable, or the
   *   wall is weaker than `minIsolation` (see `requireLimits` and `requireIsolation`).
   * @throws OrchestratorError `SANDBOX_FAILURE` where the backend is not available.
   */
  check(config: ResolvedSandboxConfig): Promise<void>;
  /** Runs one piece of code; always resolves once it is checked, with a verdict. */
  run(config: ResolvedSandboxConfig, request: CodeRequest): Promise<SandboxExecutionResult>;
  createSession(config: ResolvedSandboxConfig, options: SessionOptions): Promise<SandboxSession>;
  /** Ends every run, session and warm sandbox, and gives back all that the backend holds. */
  close(): Promise<void>;
}
