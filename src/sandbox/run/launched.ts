/**
 * A sandbox of some backend whose driver has booted and waits for its job. A cold start makes one and uses it at once; a
 * warm pool makes one ahead; the fork server of the process backend forks one. What follows (job, output, deadline,
 * verdict, artifacts) is the same for all of them and lives in `run-code.ts`; sessions in `open-session.ts`.
 */
import type { Readable, Writable } from "node:stream";
import type { Enforcement, NetworkDenial, SandboxBackendName } from "../../model/sandbox.js";
import type { SandboxFiles } from "./files.js";

/** Everything that decides what a sandbox is, in the words of its backend. */
export interface Recipe {
  /** Equal for recipes that make equal sandboxes: what a pool of warm ones is sorted by. */
  readonly key: string;
}

/** A recipe with what it holds on the host. */
export interface PreparedRecipe<Kind extends Recipe> {
  readonly recipe: Kind;
  /** What was denied so far; `undefined` where there is no way to the network at all. */
  denials(): readonly NetworkDenial[] | undefined;
  /** Gives back what its parts hold, once the sandbox is gone. */
  release(): Promise<void>;
}

export interface LaunchOptions {
  /** Its job is there already, or will be as soon as it is: what pays only while a sandbox waits is left out. */
  readonly hurried?: boolean;
}

export interface SandboxLauncher<Kind extends Recipe> {
  /** Resolves once the sandbox exists; the driver may still be booting. Rejects with `SANDBOX_FAILURE`. */
  launch(recipe: Kind, options?: LaunchOptions): Promise<LaunchedSandbox>;
  close(): Promise<void>;
}

export interface LaunchedSandbox {
  readonly backend: SandboxBackendName;
  /** Job out, frames in (see `channel/`). */
  readonly channel: { readonly input: Writable; readonly output: Readable };
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly warm: boolean;
  /** What holds each limit of this one. */
  readonly enforcement: readonly Enforcement[];
  /**
   * Starts the clock that does not depend on this process's event loop: after `milliseconds` the sandbox dies even if
   * the supervisor is stuck. Called when the job is sent. Called again it starts anew; `Infinity` stops it.
   */
  armDeadline(milliseconds: number): void;
  /** Whether it waits for a job that nobody has asked for yet, and so keeps no program running that is done. */
  setWaiting?(waiting: boolean): void;
  /**
   * Gives it its way to the proxy of its allowed domains, a unix socket of the host, where that is no part of its
   * recipe. Called once, before the job is sent.
   */
  connectProxy?(socketPath: string): void;
  /** Where no cgroup holds the memory: calls back once when the sandbox uses more than its limit. */
  watchMemory?(onExceeded: () => void): void;
  /** The end of the first process inside, as whoever waits for it outside saw it. Never rejects. Not the closing of a pipe. */
  readonly exited: Promise<SandboxExit>;
  /** Facts that only the host knows, read at any time; the last reading is right after `kill`. */
  usage(): SandboxUsage;
  /**
   * Ends everything inside, whatever it forked, and resolves when nothing of it is alive. Idempotent. Lifts a CPU
   * quota first, so that a throttled tree dies at once.
   */
  kill(): Promise<void>;
  /** Its files, until `dispose`; `undefined` where the sandbox died too early. */
  files(): Promise<SandboxFiles | undefined>;
  /** Kills, and gives back uid, cgroup, mounts and descriptors, some of it in a moment: the launcher's `close` waits for that. Idempotent; never rejects. */
  dispose(): Promise<void>;
}

export interface SandboxExit {
  /** `null` where a signal ended it. */
  readonly exitCode: number | null;
  /** `"SIGKILL"` and the like. */
  readonly signal: string | null;
  /** The watch beside the sandbox ended it at its deadline. */
  readonly deadline?: boolean;
  /** The launch itself failed: the code never ran. */
  readonly failure?: string;
}

/** What the run used and which limits it ran into, as the kernel counted them. */
export interface SandboxUsage {
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
  /** Times that the memory limit killed a process. */
  readonly oomKills: number;
  /** Times that the process limit refused a fork. */
  readonly processLimitHits: number;
  /** A limit that the supervisor itself watches was passed (hosts without cgroups). */
  readonly watched?: "memory-limit";
}
