/** What the server needs of sandboxes. `SandboxManager` gives it. */
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "../model/sandbox.js";
import type { SandboxSession, SessionOptions } from "../sandbox/session.js";

export interface SandboxAccess {
  executeCode(code: string, options: ExecuteCodeOptions, config: SandboxConfig): Promise<SandboxExecutionResult>;
  createSession(options: SessionOptions): Promise<SandboxSession>;
  close(): Promise<void>;
}
