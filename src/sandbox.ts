/** Sandboxes: `import { SandboxExecutor } from "orchestrator-executor/sandbox"`. */
export {
  type DegradableLimit,
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
  type SandboxResourceUsage,
  type SandboxVerdict,
  sandboxVerdicts,
  UnsupportedLimitError,
  type VmSandboxOptions,
} from "./model/sandbox.js";
export type { BackendCapabilities, BackendReport, LanguageCapability, LimitCapability } from "./sandbox/backend.js";
export {
  type Interpreter,
  type Language,
  languageNames,
  languageOfFile,
  registerLanguage,
} from "./sandbox/language.js";
export {
  DockerSandboxExecutor,
  ProcessSandboxExecutor,
  SandboxExecutor,
  VmSandboxExecutor,
} from "./sandbox/sandbox-executor.js";
export { SandboxManager, type SandboxManagerOptions, type SessionInfo } from "./sandbox/sandbox-manager.js";
export type { SandboxSession, SessionEnd, SessionOptions, SessionState } from "./sandbox/session.js";
export type { WarmOptions } from "./sandbox/warm-options.js";
