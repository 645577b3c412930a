/**
 * What the conformance suite has to know of a backend. The suite itself is in the files beside this one, and
 * `suite.ts` says how a backend runs it.
 *
 * A difference belongs here only if docs/sandboxes.md tells it to users: everything else is the same for all.
 */
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "#src/model/sandbox.js";
import type { EgressLimits } from "#src/sandbox/network/proxy.js";
import { SandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { SandboxManager, type SandboxManagerOptions } from "#src/sandbox/sandbox-manager.js";
import type { HostileProgram } from "../../attack/programs.js";
import type { Internet } from "../network/fixture.js";

export interface BackendUnderTest {
  readonly name: "process" | "docker" | "vm";
  /** Part of every configuration: `runtime`, and where the backend finds what it needs. */
  readonly config: SandboxConfig;
  /** Made before the first sandbox (a daemon, an image, a disk) and taken down after the last. */
  readonly start?: () => Promise<void>;
  readonly stop?: () => Promise<void>;
  /** Distributions that `allowedPackages` can name here, of numpy, pandas and matplotlib. */
  readonly packages: readonly string[];
  /** How much longer than of a process a start and a run may take: multiplies the time limits of programs that are not about time. */
  readonly slowness: number;
  /** Whether the host counts refused forks, so that the verdict can be `process-limit`. */
  readonly countsRefusedForks: boolean;
  /** Whether CPU seconds and peak memory are told. */
  readonly tellsUsage: boolean;
  /** What `enforcement[].by` says for each limit. */
  readonly heldBy: Readonly<Record<string, RegExp>>;
  /** Whether `/work`, `/tmp` and `/dev/shm` share one `diskLimit`; else each has it for itself. */
  readonly sharesOneDisk: boolean;
  /** Runs code whose allowed names are the fixture's servers; absent where the backend has no allowed domains. */
  readonly runOnNetwork?: (
    internet: Internet,
    domains: readonly string[],
    code: string,
    options: ExecuteCodeOptions,
    limits?: Partial<EgressLimits>,
  ) => Promise<{ readonly result: SandboxExecutionResult; readonly denied: readonly (readonly [string, string])[] }>;
  /** Whether what relays connections to the proxy is no process that the code could end. */
  readonly relayIsOutOfReach?: boolean;
  /** What is left on the host of the sandboxes of the supervisor with that pid: processes, cgroups, containers, disks. */
  readonly remainsOf: (supervisor: number) => Promise<readonly string[]>;
  /** What a hostile program may come to here besides what `attack/programs.ts` says, by its id. */
  readonly expectations?: Readonly<Record<string, Partial<HostileProgram>>>;
  /** Programs about how this backend is made, besides those of all. */
  readonly morePrograms?: readonly HostileProgram[];
  /** Programs that this backend's wall makes meaningless, with the reason. */
  readonly skippedPrograms?: Readonly<Record<string, string>>;
  /** Numbers of the user and the group inside. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/** An executor of the backend, with `config` over what every configuration gets. */
export function executorOf(backend: BackendUnderTest, config: SandboxConfig = {}): SandboxExecutor {
  return new SandboxExecutor({ ...backend.config, ...config });
}

export function managerOf(
  backend: BackendUnderTest,
  config: SandboxConfig = {},
  options: SandboxManagerOptions = {},
): SandboxManager {
  return new SandboxManager({ ...options, defaults: { ...backend.config, ...config } });
}
