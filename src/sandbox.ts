/** Sandboxes: `import { SandboxExecutor } from "orchestrator-executor/sandbox"`. */
export {
  type DegradableLimit,
  type DockerSandboxOptions,
  type Enforcement,
  type ExecuteCodeOptions,
  type LimitName,
  type NetworkDenial,
  type NetworkDenialReason,
  type SandboxArtifact,
  type SandboxBackendName,
  SandboxCodeError,
  type SandboxConfig,
  type SandboxExecutionResult,
  type SandboxIsolation,
  type SandboxResourceUsage,
  type SandboxVerdict,
  UnsupportedLimitError,
  type VmSandboxOptions,
} from "./model/sandbox.js";
export type { BackendCapabilities, BackendReport, LanguageCapability, LimitCapability } from "./sandbox/backend.js";
export {
  DockerSandboxExecutor,
  ProcessSandboxExecutor,
  SandboxExecutor,
  VmSandboxExecutor,
} from "./sandbox/sandbox-executor.js";
export { SandboxManager, type SandboxManagerOptions, type SessionInfo } from "./sandbox/sandbox-manager.js";
export type { SandboxSession, SessionEnd, SessionOptions, SessionState } from "./sandbox/session.js";
export type { WarmOptions } from "./sandbox/warm-options.js";
