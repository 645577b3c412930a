/** What a sandbox takes and gives: plain data, shared by the executors, the sandbox backends and the pipeline file. */
import type { Duration, Size } from "./units.js";

/** How code that nobody trusts is locked in. Every limit has a safe default; see docs/sandboxes.md. */
export interface SandboxConfig {
  /** Bytes that the whole process tree may use, swap included. Default `"512MB"`. */
  readonly memoryLimit?: Size;
  /** Microseconds of CPU for each period of 100 ms: `50_000` is half of one CPU. Default `100_000`. */
  readonly cpuQuota?: number;
  /** Wall-clock limit of one piece of code. Default 30 seconds. */
  readonly timeLimit?: Duration;
  /** No network at all. Default `true`; with `allowedDomains` only those can be reached. */
  readonly networkDisabled?: boolean;
  /** Distributions (Python) or packages (JavaScript) that can be seen, with what they require. Default none: the standard library alone. */
  readonly allowedPackages?: readonly string[];
}
