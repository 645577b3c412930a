/** Reads a `SandboxConfig` once: units turned into numbers, ranges checked, unknown options refused. */
import { Checker } from "../model/check.js";
import type { Problem } from "../model/error.js";
import {
  type DegradableLimit,
  degradableLimits,
  type SandboxBackendName,
  type SandboxConfig,
  type SandboxIsolation,
  sandboxIsolations,
} from "../model/sandbox.js";
import { type ResolvedDockerOptions, resolveDockerOptions } from "./docker-options.js";
import { checkEnvironment } from "./environment.js";
// Not by way of the folders' doors: those load the proxy and the views, which a program that runs no code does without.
import { allowedDomainsProblems } from "./network/domain-rule.js";
import { allowedPackagesProblems } from "./packages/allowed-list.js";
import { packageFoldersProblems } from "./packages/folders.js";
import { type ResolvedVmOptions, resolveVmOptions } from "./vm-options.js";

/** A configuration with every question answered. */
export interface ResolvedSandboxConfig {
  readonly runtime: "auto" | SandboxBackendName;
  readonly minIsolation: SandboxIsolation;
  readonly docker: ResolvedDockerOptions;
  readonly vm: ResolvedVmOptions;
  readonly limits: ResolvedLimits;
  readonly networkDisabled: boolean;
  readonly allowedDomains: readonly string[];
  readonly allowedPackages: readonly string[];
  readonly packageFolders: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Limits that may be held less strictly. */
  readonly degradable: ReadonlySet<DegradableLimit>;
  /** Limits that the caller wrote down, as against those that are defaults. */
  readonly asked: ReadonlySet<DegradableLimit>;
  readonly warm: boolean;
}

export interface ResolvedLimits {
  readonly memoryBytes: number;
  /** Microseconds per 100 ms. */
  readonly cpuQuotaMicros: number;
  readonly timeMs: number;
  readonly processes: number;
  readonly fileSizeBytes: number;
  readonly openFiles: number;
  readonly diskBytes: number;
  readonly inodes: number;
  readonly outputBytes: number;
  readonly valueBytes: number;
  readonly artifactBytes: number;
  readonly artifactCount: number;
}

const options = [
  "runtime",
  "minIsolation",
  "docker",
  "vm",
  "memoryLimit",
  "cpuQuota",
  "timeLimit",
  "processLimit",
  "fileSizeLimit",
  "openFilesLimit",
  "diskLimit",
  "inodeLimit",
  "outputLimit",
  "valueLimit",
  "artifactLimit",
  "artifactCountLimit",
  "networkDisabled",
  "allowedDomains",
  "allowedPackages",
  "packageFolders",
  "env",
  "onUnsupported",
  "warm",
] as const satisfies readonly (keyof SandboxConfig)[];

const mebibyte = 2 ** 20;

/**
 * @param where name of the option that holds the configuration, for messages; `""` where it is the whole.
 * @throws InvalidOptionError with everything that is wrong.
 */
export function resolveSandboxConfig(config: SandboxConfig = {}, where = "sandbox"): ResolvedSandboxConfig {
  const check = new Checker(where);
  if (!check.object("", config, options)) {
    check.finish();
  }
  const diskBytes = check.bytes("diskLimit", config.diskLimit, 64 * mebibyte, 65_536);
  const resolved: ResolvedSandboxConfig = {
    runtime: check.oneOf("runtime", config.runtime, ["auto", "process", "docker", "vm"], "auto"),
    minIsolation: check.oneOf("minIsolation", config.minIsolation, sandboxIsolations, "namespaces"),
    docker: resolveDockerOptions(check, config.docker),
    vm: resolveVmOptions(check, config.vm),
    limits: {
      memoryBytes: check.bytes("memoryLimit", config.memoryLimit, 512_000_000, 16 * mebibyte),
      cpuQuotaMicros: check.number(
        "cpuQuota",
        config.cpuQuota,
        { minimum: 1000, maximum: 1e8, integer: true },
        100_000,
      ),
      timeMs: checkTime(check, config),
      processes: check.number("processLimit", config.processLimit, { minimum: 4, maximum: 4096, integer: true }, 64),
      fileSizeBytes: check.bytes("fileSizeLimit", config.fileSizeLimit, diskBytes, 4096),
      openFiles: check.number(
        "openFilesLimit",
        config.openFilesLimit,
        { minimum: 16, maximum: 65_536, integer: true },
        256,
      ),
      diskBytes,
      inodes: check.number("inodeLimit", config.inodeLimit, { minimum: 64, maximum: 1_000_000, integer: true }, 16_384),
      outputBytes: check.bytes("outputLimit", config.outputLimit, mebibyte, 1024),
      valueBytes: check.bytes("valueLimit", config.valueLimit, 4 * mebibyte),
      artifactBytes: check.bytes("artifactLimit", config.artifactLimit, 16 * mebibyte),
      artifactCount: check.number(
        "artifactCountLimit",
        config.artifactCountLimit,
        { minimum: 0, maximum: 10_000, integer: true },
        100,
      ),
    },
    networkDisabled: check.boolean("networkDisabled", config.networkDisabled, true),
    allowedDomains: checkNames(check, "allowedDomains", config.allowedDomains, allowedDomainsProblems),
    allowedPackages: checkNames(check, "allowedPackages", config.allowedPackages, allowedPackagesProblems),
    packageFolders: checkNames(check, "packageFolders", config.packageFolders, packageFoldersProblems),
    env: checkEnvironment(check, "env", config.env),
    degradable: checkDegradable(check, config.onUnsupported),
    asked: new Set(degradableLimits.filter((limit) => config[limit] !== undefined)),
    warm: check.boolean("warm", config.warm, true),
  };
  check.finish();
  return resolved;
}

/** Timers of Node hold at most 2^31 - 1 ms, about 24 days. */
const longestTimerMs = 2 ** 31 - 1;

function checkTime(check: Checker, config: SandboxConfig): number {
  const timeMs = check.durationMs("timeLimit", config.timeLimit, 30_000, 50);
  if (timeMs > longestTimerMs - 10_000) check.report("timeLimit", "takes at most 24 days");
  return timeMs;
}

function checkNames(
  check: Checker,
  name: string,
  value: unknown,
  problemsOf: (name: string, entries: readonly unknown[]) => readonly Problem[],
): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    check.report(name, "takes an array of strings");
    return [];
  }
  for (const { where, message } of problemsOf(name, value)) check.report(where, message);
  return [...(value as string[])];
}

function checkDegradable(check: Checker, value: unknown): ReadonlySet<DegradableLimit> {
  if (value === undefined) return new Set();
  if (!Array.isArray(value)) {
    check.report("onUnsupported", `takes an array of limits: ${degradableLimits.join(", ")}`);
    return new Set();
  }
  const limits = value.map((limit, index) => {
    if (["network", "networkDisabled", "filesystem", "seccomp", "syscalls"].includes(limit as string)) {
      check.report(`onUnsupported[${index}]`, `"${limit}" can never be degraded`);
      return undefined;
    }
    return check.oneOf(`onUnsupported[${index}]`, limit, degradableLimits, undefined);
  });
  return new Set(limits.filter((limit) => limit !== undefined));
}
