/** What a sandbox takes and gives: plain data, shared by the executors, the sandbox backends and the pipeline file. */
import { OrchestratorError } from "./error.js";
import type { Duration, Size } from "./units.js";

/** How code that nobody trusts is locked in. Every limit has a safe default; an unknown option is refused. */
export interface SandboxConfig {
  /** What carries the sandbox: `"auto"` (default) takes the fastest of process, docker and vm that holds every limit and `minIsolation`. */
  readonly runtime?: "auto" | SandboxBackendName;
  /** The weakest wall that will do. Nothing weaker is ever taken, whatever `runtime` says. Default `"namespaces"`. */
  readonly minIsolation?: SandboxIsolation;
  /** What concerns the docker backend alone. Default: the defaults of `DockerSandboxOptions`. */
  readonly docker?: DockerSandboxOptions;
  /** What concerns the vm backend alone. Default: the defaults of `VmSandboxOptions`. */
  readonly vm?: VmSandboxOptions;
  /** Bytes that the whole process tree may use, swap and files in memory included; at least 16 MiB. Default `"512MB"`. */
  readonly memoryLimit?: Size;
  /** Microseconds of CPU for each period of 100 ms, from 1,000: `50_000` is half of one CPU. Default `100_000`. */
  readonly cpuQuota?: number;
  /** Wall-clock limit of one piece of code, from its start; at least 50 ms. Default 30 seconds. */
  readonly timeLimit?: Duration;
  /** Processes and threads at once, from 4 to 4,096. Default 64. */
  readonly processLimit?: number;
  /** Largest single file; at least 4 KiB. Default: `diskLimit`. */
  readonly fileSizeLimit?: Size;
  /** Open files of one process, from 16 to 65,536. Default 256. */
  readonly openFilesLimit?: number;
  /** Bytes of all files that the code writes together; at least 64 KiB. Default `"64MiB"`. */
  readonly diskLimit?: Size;
  /** Files, folders and links together, from 64 to 1,000,000. Default 16,384. */
  readonly inodeLimit?: number;
  /** Bytes of standard output and standard error together; at least 1 KiB. More ends the run. Default `"1MiB"`. */
  readonly outputLimit?: Size;
  /** Bytes of `value` as JSON; a larger one is left out, and the result says so. Default `"4MiB"`. */
  readonly valueLimit?: Size;
  /** Bytes of all artifacts together; what does not fit is listed in `artifactsOmitted`. Default `"16MiB"`. */
  readonly artifactLimit?: Size;
  /** Number of artifacts, from 0 to 10,000. Default 100. */
  readonly artifactCountLimit?: number;
  /** No network at all. Default `true`; with `allowedDomains` only those can be reached. `false` without them is the host's network, unfiltered. */
  readonly networkDisabled?: boolean;
  /** Hosts that can be reached through a checking proxy, each `"name:port"` (port 443 where absent). Default none. */
  readonly allowedDomains?: readonly string[];
  /** Distributions (Python) or packages (JavaScript) that can be seen, with what they require. Default none: the standard library alone. */
  readonly allowedPackages?: readonly string[];
  /** Where allowed packages are looked for before the system's own folders: absolute paths of `node_modules` (JavaScript), and of `site-packages` of virtual environments (Python). Default none. */
  readonly packageFolders?: readonly string[];
  /** Variables that the code sees besides the sandbox's own few. Names that steer loaders and interpreters are refused. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Limits that may be held less strictly (or not at all) where this host cannot enforce them. Default none: such a limit is an `UnsupportedLimitError`. */
  readonly onUnsupported?: readonly DegradableLimit[];
  /** Whether a sandbox that was started ahead may be used. The wall is the same. Default `true`. */
  readonly warm?: boolean;
}

/** What can carry a sandbox: processes of this host, containers, virtual machines. */
export type SandboxBackendName = "process" | "docker" | "vm";

/** What stands between the code and the host's kernel, the weakest first. */
export const sandboxIsolations = [
  /** The host's kernel, its namespaces and a filter before it: processes and containers. */
  "namespaces",
  /** A kernel of the sandbox's own, which is a program of the host: gVisor, an emulated machine. */
  "kernel",
  /** A kernel of its own behind the processor's virtualization. */
  "hardware",
] as const;
/** What stands between the code and the host's kernel, the weakest first. */
export type SandboxIsolation = (typeof sandboxIsolations)[number];

/** Where the docker backend finds its daemon, and what its containers are made of. */
export interface DockerSandboxOptions {
  /**
   * The daemon: `"unix:///path"`, or `"tcp://host:port"` for one that you trust. Default: `DOCKER_HOST`, then the first socket
   * that is there of Docker and rootless Podman.
   */
  readonly host?: string;
  /** Image of every language, or one for each by name. Default: `defaultDockerImages`. */
  readonly image?: string | Readonly<Record<string, string>>;
  /** Whether an image that the daemon lacks is pulled at its first use. Default `"missing"`. */
  readonly pull?: "missing" | "never";
  /** The daemon's OCI runtime by name; `"runsc"` is gVisor. Default: the daemon's own, or gVisor where `minIsolation` is `"kernel"`. */
  readonly runtime?: string;
}

/** What runs the guests of the vm backend, and what is on their disk. */
export interface VmSandboxOptions {
  /**
   * What runs a guest's instructions. `"kvm"` (default): the processor, where a guest that was booted to try it proves that it can.
   * `"software"`: QEMU translates them, anywhere and some ten times slower; the wall is then QEMU's emulator itself.
   */
  readonly accelerator?: "kvm" | "software";
  /** Name of an image that `orchestrator images build --vm` has made. Default `"default"`. */
  readonly image?: string;
}

/** The limits, by the names of their options. */
export const degradableLimits = [
  "memoryLimit",
  "cpuQuota",
  "timeLimit",
  "processLimit",
  "fileSizeLimit",
  "openFilesLimit",
  "diskLimit",
  "inodeLimit",
  "outputLimit",
] as const;
/** Limits that `onUnsupported` may name. */
export type DegradableLimit = (typeof degradableLimits)[number];

/** Everything that holds a sandbox shut. Network, file system and system calls are never degradable. */
export type LimitName = DegradableLimit | "network" | "filesystem" | "syscalls" | "minIsolation";

/** What holds one limit of one run. */
export interface Enforcement {
  /** Which limit. */
  readonly limit: LimitName;
  /** The mechanism: `"cgroup-v2"`, `"cgroup-v1"`, `"rlimit"`, `"tmpfs"`, `"supervisor"`, `"watch"`, `"duty-cycle"`, `"namespace"`, `"namespace+landlock"`, `"container"`, `"virtual-machine"`, `"guest-cgroup"`, `"no-device"`, `"seccomp"`, `"proxy"`, `"none"`. */
  readonly by: string;
  /** `enforced`: the kernel or the supervisor holds it whatever the code does. `best-effort`: it can be overrun for a moment or evaded in part. */
  readonly strength: "enforced" | "best-effort" | "none";
  /** What that does not cover, or why nothing stronger holds it. */
  readonly detail?: string;
}

/** How a run ended. A closed set: see `SandboxExecutionResult.error` for the words. */
export const sandboxVerdicts = [
  /** The code ran to its end and exited with 0. */
  "ok",
  /** The code failed by itself: an exception, or an exit code other than 0. */
  "error",
  "timeout",
  "memory-limit",
  "output-limit",
  "process-limit",
  "disk-limit",
  /** A signal ended it: its own crash, a refused system call, or the caller's abort. */
  "killed",
  /** The sandbox itself did not work; nothing is known of the code. */
  "sandbox-failure",
] as const;
/** How a run ended. */
export type SandboxVerdict = (typeof sandboxVerdicts)[number];

/** What `executeCode` takes besides the code. */
export interface ExecuteCodeOptions {
  /** `"python"`, `"javascript"` or `"bash"`. Default `"python"`. */
  readonly language?: string;
  /** Files to lay into the working folder: relative path to text or bytes. Default: none. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** JSON data that the code finds as `inputs`. Default: `undefined`, which the code finds as `None`, `undefined` or an empty variable. */
  readonly inputs?: unknown;
  /** What the code reads from standard input. Default: nothing, at its end at once. */
  readonly stdin?: string | Uint8Array;
  /** Variables for this piece of code, over those of the configuration. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments, after the program's name. Default: none. */
  readonly args?: readonly string[];
  /** Ends the run; the result's verdict is then `killed`. Default: none. */
  readonly signal?: AbortSignal;
  /** Called with each chunk of standard output as it comes, up to the output limit. Default: nobody. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  /** The same of standard error. Default: nobody. */
  readonly onStderr?: (chunk: Uint8Array) => void;
}

/** A file that the code left in its working folder. */
export interface SandboxArtifact {
  /** Relative path with `/` between its parts; bytes that are no UTF-8 and control characters are written `\xNN`. */
  readonly name: string;
  /** Its content. */
  readonly bytes: Uint8Array;
}

/** Why a request to the network was denied. A closed set. */
export type NetworkDenialReason =
  /** The name is no one's in `allowedDomains`. */
  | "not-allowed"
  /** The name is allowed, on another port. */
  | "port-not-allowed"
  /** A host was given as an address; only names can be allowed. */
  | "address"
  /** An allowed name points to an address that is not public. */
  | "private-address"
  /** One name was asked for and another one named in TLS or in the Host header. */
  | "name-mismatch"
  /** A tunnel carried no TLS, or TLS without a readable server name. */
  | "unreadable-name"
  /** A request that no client of good faith sends. */
  | "malformed"
  /** Too many connections or bytes. */
  | "limit";

/** Something that the code tried to reach and was not let. */
export interface NetworkDenial {
  /** As the code spelled it, cut to 253 characters. */
  readonly host: string;
  /** 0 where it named none. */
  readonly port: number;
  /** Why, as data. */
  readonly reason: NetworkDenialReason;
  /** What was denied, why, and what is allowed. */
  readonly message: string;
  /** How often. */
  readonly count: number;
}

/** What one piece of code used, counted by the kernel outside of it; a field is absent where nothing can tell. */
export interface SandboxResourceUsage {
  /** Seconds of CPU, user and system, of the whole tree. */
  readonly cpuSeconds?: number;
  /** Highest memory of the whole tree. */
  readonly peakBytes?: number;
}

/** What became of one piece of code. */
export interface SandboxExecutionResult {
  /** Whether the verdict is `ok`. */
  readonly success: boolean;
  /** How it ended. A closed set. */
  readonly verdict: SandboxVerdict;
  /** What was printed to standard output; if nothing was, the text of `result` or of the last expression, as a notebook shows it. */
  readonly output: string;
  /** That result as JSON data; `undefined` where there is none, it is no data, or the run did not succeed. */
  readonly value?: unknown;
  /** Why there is no `value` although the code had one. */
  readonly valueOmitted?: string;
  /** What went wrong; absent where nothing did. */
  readonly error?: SandboxCodeError;
  /** Standard output as text (UTF-8), up to `outputLimit`. */
  readonly stdout: string;
  /** Standard error as text (UTF-8), up to `outputLimit`. */
  readonly stderr: string;
  /** The same as they came, where they are no text. */
  readonly stdoutBytes: Uint8Array;
  /** Standard error as it came. */
  readonly stderrBytes: Uint8Array;
  /** Whether output was cut off at the limit. */
  readonly truncated: boolean;
  /** `null` where a signal ended the code or it never ran. */
  readonly exitCode: number | null;
  /** `"SIGSEGV"` and the like; `null` where the code exited by itself. */
  readonly signal: string | null;
  /** Seconds from the start of the sandbox to the end of the last process in it. */
  readonly executionTime: number;
  /** What the code used. */
  readonly resourceUsage: SandboxResourceUsage;
  /** Files that the code left in its working folder. */
  readonly artifacts: readonly SandboxArtifact[];
  /** Artifacts that were left behind, and why: links, sockets and devices, or what exceeds the limits. At most 100. */
  readonly artifactsOmitted: readonly { readonly name: string; readonly reason: string }[];
  /** What the code tried to reach beyond `allowedDomains`, equal ones counted, at most 100; absent where it was given no network at all. */
  readonly networkDenials?: readonly NetworkDenial[];
  /** What carried the sandbox. */
  readonly backend: SandboxBackendName;
  /** The language's name, where an alias was given too. */
  readonly language: string;
  /** Whether a sandbox that had been started ahead was used. */
  readonly warm: boolean;
  /** What held each limit. */
  readonly enforcement: readonly Enforcement[];
}

/** What went wrong in a sandbox. `code` is `CODE_FAILED`, or `SANDBOX_FAILURE` where the sandbox itself failed. */
export class SandboxCodeError extends OrchestratorError {
  /** How the run ended. */
  readonly verdict: SandboxVerdict;
  /** The exception's class in its own language (`"ZeroDivisionError"`), or the verdict where there was none. */
  readonly type: string;
  /** As the language prints it, with line numbers of the caller's code; absent where there is none. */
  declare readonly traceback?: string;
  /** Line of the caller's code, from 1, where it is known. */
  declare readonly line?: number;

  constructor(details: {
    readonly verdict: SandboxVerdict;
    readonly type: string;
    readonly message: string;
    readonly traceback?: string | undefined;
    readonly line?: number | undefined;
  }) {
    super(details.verdict === "sandbox-failure" ? "SANDBOX_FAILURE" : "CODE_FAILED", details.message);
    this.name = details.type;
    this.verdict = details.verdict;
    this.type = details.type;
    if (details.traceback !== undefined) this.traceback = details.traceback;
    if (details.line !== undefined) this.line = details.line;
  }
}

/** A limit that was asked for and that nothing on this host can hold. `code` is `UNSUPPORTED_LIMIT`. No code has run. */
export class UnsupportedLimitError extends OrchestratorError {
  /** The limit that cannot be held. */
  readonly limit: LimitName;
  /** Why not. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;

  constructor(limit: LimitName, reason: string, remedy: string) {
    super("UNSUPPORTED_LIMIT", `${limit} cannot be enforced here: ${reason}; ${remedy}`);
    this.name = "UnsupportedLimitError";
    this.limit = limit;
    this.reason = reason;
    this.remedy = remedy;
  }
}
