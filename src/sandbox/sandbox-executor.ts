/** Executors of code that nobody trusts: one configuration, one method. */
import { InvalidOptionError } from "../model/error.js";
import type {
  ExecuteCodeOptions,
  SandboxBackendName,
  SandboxConfig,
  SandboxExecutionResult,
} from "../model/sandbox.js";
import type { BackendReport } from "./backend.js";
import { resolveSandboxConfig } from "./config.js";
import { SandboxManager } from "./sandbox-manager.js";

/**
 * Runs pieces of code, each in a sandbox of its own. The backend is chosen by what this host can enforce.
 *
 * @example
 * await using executor = new SandboxExecutor({ memoryLimit: "512MB", timeLimit: 30 });
 * const result = await executor.executeCode("6 * 7", { language: "python" });
 * console.log(result.verdict, result.value); // prints ok 42
 */
export class SandboxExecutor implements AsyncDisposable {
  readonly #manager: SandboxManager;

  /** @throws InvalidOptionError with everything that is wrong. */
  constructor(config: SandboxConfig = {}) {
    resolveSandboxConfig(config);
    this.#manager = new SandboxManager({ defaults: config });
  }

  /**
   * Runs one piece of code. Resolves with a verdict, whatever the code does; rejects only where no code has run.
   *
   * @throws InvalidOptionError for options that are out of range or unknown.
   * @throws UnsupportedLimitError for a limit that was asked for and that this host cannot hold.
   * @throws OrchestratorError `PACKAGE_NOT_FOUND` for an allowed package that is not installed, `SANDBOX_FAILURE` where
   *   no sandbox can be made, `EXECUTOR_CLOSED` after `close`.
   */
  executeCode(code: string, options: ExecuteCodeOptions = {}): Promise<SandboxExecutionResult> {
    return this.#manager.executeCode(code, options);
  }

  /** What each backend can hold on this host, and why the others were passed over. */
  capabilities(): Promise<readonly BackendReport[]> {
    return this.#manager.capabilities();
  }

  /** Lets what runs come to its end, and gives back all that the executor holds. Idempotent. */
  close(): Promise<void> {
    return this.#manager.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A `SandboxExecutor` whose sandboxes are processes behind the kernel's own walls. Linux.
 *
 * @example
 * await using executor = new ProcessSandboxExecutor({ timeLimit: "10s" });
 * const result = await executor.executeCode("console.log(6 * 7)", { language: "javascript" });
 * console.log(result.backend, result.output.trim()); // prints process 42
 */
export class ProcessSandboxExecutor extends SandboxExecutor {
  constructor(config: SandboxConfig = {}) {
    super(onBackend("process", config));
  }
}

/**
 * A `SandboxExecutor` whose sandboxes are containers.
 *
 * @example needs a Docker daemon, with gVisor
 * await using executor = new DockerSandboxExecutor({ minIsolation: "kernel" });
 * const result = await executor.executeCode("6 * 7");
 * console.log(result.value);
 */
export class DockerSandboxExecutor extends SandboxExecutor {
  constructor(config: SandboxConfig = {}) {
    super(onBackend("docker", config));
  }
}

/**
 * A `SandboxExecutor` whose sandboxes are virtual machines of QEMU, each with a kernel of its own. Linux on x86-64; needs an
 * image (`orchestrator images build --vm`), and KVM unless the configuration names software emulation.
 *
 * @example needs QEMU and an image
 * await using executor = new VmSandboxExecutor({ vm: { accelerator: "software" } });
 * const result = await executor.executeCode("6 * 7");
 * console.log(result.value);
 */
export class VmSandboxExecutor extends SandboxExecutor {
  constructor(config: SandboxConfig = {}) {
    super(onBackend("vm", config));
  }
}

/** The configuration with its backend named. @throws InvalidOptionError where it names another. */
export function onBackend(backend: SandboxBackendName, config: SandboxConfig): SandboxConfig {
  if (config.runtime === undefined || config.runtime === "auto" || config.runtime === backend)
    return { ...config, runtime: backend };
  const message = `this executor has the ${backend} backend, got "${config.runtime}"`;
  throw new InvalidOptionError([{ where: "sandbox.runtime", message }]);
}
