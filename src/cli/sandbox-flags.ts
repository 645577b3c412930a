/** The flags that lock a sandbox in, shared by `exec` and `mcp`. */
import type { SandboxBackendName, SandboxConfig, SandboxIsolation } from "../model/sandbox.js";

export interface SandboxFlags {
  readonly allow?: readonly string[];
  readonly allowDomain?: readonly string[];
  readonly memory?: string;
  readonly time?: string;
  /** CPU cores. */
  readonly cpu?: number;
  readonly runtime?: "auto" | SandboxBackendName;
  readonly minIsolation?: SandboxIsolation;
  readonly image?: string;
}

const quotaOfOneCore = 100_000;

export function sandboxConfigOf({
  allow,
  allowDomain,
  memory,
  time,
  cpu,
  runtime,
  minIsolation,
  image,
}: SandboxFlags): SandboxConfig {
  return {
    ...(allow !== undefined && { allowedPackages: allow }),
    ...(allowDomain !== undefined && { allowedDomains: allowDomain }),
    ...(memory !== undefined && { memoryLimit: plainNumber(memory) }),
    ...(time !== undefined && { timeLimit: plainNumber(time) }),
    ...(cpu !== undefined && { cpuQuota: Math.round(cpu * quotaOfOneCore) }),
    ...(runtime !== undefined && { runtime }),
    ...(minIsolation !== undefined && { minIsolation }),
    ...(image !== undefined && { docker: { image } }),
  };
}

/** `"30"` is 30 seconds, or bytes, as in a program; with a unit it is left as text. */
function plainNumber(text: string): number | string {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
