/** What each version of cgroups calls its knobs: one dialect per version, the same questions for both. */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type ControllerName = "memory" | "cpu" | "pids";

export const controllerNames: readonly ControllerName[] = ["memory", "cpu", "pids"];

/** Quotas are given per this period. */
export const cpuPeriodMicroseconds = 100_000;

export interface CgroupLimits {
  /** Bytes of memory and swap together. */
  readonly memoryBytes?: number;
  /** Microseconds of CPU in each 100 ms: 100,000 is one whole CPU. At least 1,000. */
  readonly cpuQuotaMicroseconds?: number;
  /** Most processes and threads at once. */
  readonly pids?: number;
}

/** The knobs of one group directory. Setters throw what the kernel said; getters give `undefined` where there is no answer. */
export interface ControllerDialect {
  setMemory(directory: string, bytes: number): void;
  memoryLimit(directory: string): number | undefined;
  setCpuQuota(directory: string, microseconds: number | "unlimited"): void;
  cpuQuota(directory: string): number | undefined;
  setPids(directory: string, count: number): void;
  pidsLimit(directory: string): number | undefined;
  pids(directory: string): number | undefined;
  memoryPeak(directory: string): number | undefined;
  /** Starts the peak anew from the present use. Whether that worked. */
  resetMemoryPeak(directory: string): boolean;
  oomKills(directory: string): number | undefined;
  pidsLimitHits(directory: string): number | undefined;
}

const v1: ControllerDialect = {
  setMemory(directory, bytes) {
    const memory = join(directory, "memory.limit_in_bytes");
    const memoryAndSwap = join(directory, "memory.memsw.limit_in_bytes");
    // The kernel keeps memory <= memory and swap at every moment, so the order depends on the direction.
    const both = readNumber(memoryAndSwap);
    const growing = bytes >= (both ?? 0);
    if (both !== undefined && growing) writeFileSync(memoryAndSwap, String(bytes));
    writeFileSync(memory, String(bytes));
    if (both !== undefined && !growing) writeFileSync(memoryAndSwap, String(bytes));
  },
  memoryLimit: (directory) => readNumber(join(directory, "memory.limit_in_bytes")),
  // Of a period of 100 ms, which every group has and nobody changes here.
  setCpuQuota: (directory, microseconds) =>
    writeFileSync(join(directory, "cpu.cfs_quota_us"), microseconds === "unlimited" ? "-1" : String(microseconds)),
  cpuQuota: (directory) => readNumber(join(directory, "cpu.cfs_quota_us")),
  setPids: (directory, count) => writeFileSync(join(directory, "pids.max"), String(count)),
  pidsLimit: (directory) => readNumber(join(directory, "pids.max")),
  pids: (directory) => readNumber(join(directory, "pids.current")),
  memoryPeak: (directory) => readNumber(join(directory, "memory.max_usage_in_bytes")),
  resetMemoryPeak: (directory) => tryWrite(join(directory, "memory.max_usage_in_bytes"), "0"),
  oomKills: (directory) => readField(join(directory, "memory.oom_control"), "oom_kill"),
  pidsLimitHits: (directory) => readField(join(directory, "pids.events"), "max"),
};

const v2: ControllerDialect = {
  setMemory(directory, bytes) {
    writeFileSync(join(directory, "memory.max"), String(bytes));
    // Swap is counted apart in v2: none of it, or the limit would not be one. Absent in kernels without swap.
    writeIfPresent(join(directory, "memory.swap.max"), "0");
    // One process killed for want of memory takes the whole group with it, so that no half of a tree goes on.
    writeIfPresent(join(directory, "memory.oom.group"), "1");
  },
  memoryLimit: (directory) => readNumber(join(directory, "memory.max")),
  setCpuQuota(directory, microseconds) {
    const quota = microseconds === "unlimited" ? "max" : String(microseconds);
    writeFileSync(join(directory, "cpu.max"), `${quota} ${cpuPeriodMicroseconds}`);
  },
  cpuQuota: (directory) => readNumber(join(directory, "cpu.max")),
  setPids: (directory, count) => writeFileSync(join(directory, "pids.max"), String(count)),
  pidsLimit: (directory) => readNumber(join(directory, "pids.max")),
  pids: (directory) => readNumber(join(directory, "pids.current")),
  memoryPeak: (directory) => readNumber(join(directory, "memory.peak")),
  // memory.peak is reset for one open descriptor only, so that another reader's peak stays true.
  resetMemoryPeak: () => false,
  oomKills: (directory) => readField(join(directory, "memory.events"), "oom_kill"),
  pidsLimitHits: (directory) => readField(join(directory, "pids.events"), "max"),
};

export const dialects: Readonly<Record<"v1" | "v2", ControllerDialect>> = { v1, v2 };

/** Seconds of CPU of a group: from v1's cpuacct, or v2's cpu.stat, which every v2 group has even without a controller. */
export function readCpuSeconds(directory: string): number | undefined {
  const nanoseconds = readNumber(join(directory, "cpuacct.usage"));
  if (nanoseconds !== undefined) return nanoseconds / 1e9;
  const microseconds = readField(join(directory, "cpu.stat"), "usage_usec");
  return microseconds === undefined ? undefined : microseconds / 1e6;
}

export function readText(path: string): string | undefined {
  try {
    return readShortFile(path) ?? readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** Longer than nearly every file of a group. */
const page = Buffer.alloc(4096);

/** A file that fits into a page, in one read: these are read for each run. `undefined` where it may be longer. */
function readShortFile(path: string): string | undefined {
  const file = openSync(path, "r");
  try {
    const size = readSync(file, page, 0, page.length, 0);
    return size > page.length / 2 ? undefined : page.toString("latin1", 0, size);
  } finally {
    closeSync(file);
  }
}

/** The number that a file begins with; `undefined` for none ("max") and for no file. */
function readNumber(path: string): number | undefined {
  const number = Number.parseInt(readText(path) ?? "", 10);
  return Number.isNaN(number) ? undefined : number;
}

function readField(path: string, name: string): number | undefined {
  const match = new RegExp(`^${name} (\\d+)$`, "m").exec(readText(path) ?? "");
  return match === null ? undefined : Number(match[1]);
}

function writeIfPresent(path: string, text: string): void {
  if (readText(path) !== undefined) writeFileSync(path, text);
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}
