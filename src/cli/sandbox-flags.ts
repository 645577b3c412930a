/** The flags that lock a sandbox in, shared by `exec` and `mcp`. */
import type { SandboxBackendName, SandboxConfig } from "../model/sandbox.js";

export interface SandboxFlags {
  readonly allow?: readonly string[];
  readonly allowDomain?: readonly string[];
  readonly memory?: string;
  readonly time?: string;
  /** CPU cores. */
  readonly cpu?: number;
  readonly backend?: "auto" | SandboxBackendName;
}

const quotaOfOneCore = 100_000;

export function sandboxConfigOf({ allow, allowDomain, memory, time, cpu, backend }: SandboxFlags): SandboxConfig {
  return {
    ...(allow !== undefined && { allowedPackages: allow }),
    ...(allowDomain !== undefined && { allowedDomains: allowDomain }),
    ...(memory !== undefined && { memoryLimit: plainNumber(memory) }),
    ...(time !== undefined && { timeLimit: plainNumber(time) }),
    ...(cpu !== undefined && { cpuQuota: Math.round(cpu * quotaOfOneCore) }),
    ...(backend !== undefined && { backend }),
  };
}

/** `"30"` is 30 seconds, or bytes, as in a program; with a unit it is left as text. */
function plainNumber(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
