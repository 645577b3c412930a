/**
 * One group of processes with limits, whatever cgroups the host has.
 *
 * A group is a set of directories, one in each hierarchy that has something to give: under pure v2 a single one, under
 * v1 one for each controller, and in a hybrid also one in the v2 tree, only so that `cgroup.kill` can end the whole
 * tree at a stroke. A process is in the group when its pid was written to every `cgroup.procs` of the set; whatever it
 * forks afterwards is in it by inheritance and cannot leave without privileges.
 *
 * The name holds the supervisor's pid namespace, pid and start time, so that `sweepCgroups` can tell the groups of a
 * dead supervisor from those of a living one.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { OrchestratorError } from "../../model/error.js";
import { pidNamespace, readProcessStat } from "../process-identity.js";
import { type CgroupLimits, type ControllerName, controllerNames, dialects, readCpuSeconds } from "./controller.js";
import { pidsBelow, readPids, removeTree } from "./directories.js";
import { chooseLayout, type Layout } from "./layout.js";

export interface CgroupOptions extends CgroupLimits {
  /** What the group is for; becomes part of its directory's name. */
  readonly name: string;
  /** Whether the group has to be able to end all that is in it (default); not so where a pid namespace does. */
  readonly ends?: boolean;
}

/** New limits; what is absent stays as it is. */
export interface CgroupLimitChange extends Omit<CgroupLimits, "cpuQuotaMicroseconds"> {
  readonly cpuQuotaMicroseconds?: number | "unlimited";
}

export interface CgroupUsage {
  /** Seconds of CPU of all that ever ran in the group. */
  readonly cpuSeconds?: number;
  /** Most memory at once, page cache that is charged to the group included. */
  readonly peakBytes?: number;
}

/** A group that exists. Every method but `destroy` is synchronous and cheap (a file or two). */
export interface Cgroup {
  /** Name of its directories. */
  readonly name: string;
  /** A process enters the group by writing its pid (or `0`, itself) to every one of these. */
  readonly procsFiles: readonly string[];
  /**
   * A process of one thread enters the group by writing `0`, itself, to every one of these: the kernel then waits for
   * nobody. To move a process from outside it waits for a grace period, 5 to 20 ms, and lets no group be made meanwhile.
   * `undefined` where a hierarchy of the group has no such file (v2).
   */
  readonly taskFiles: readonly string[] | undefined;
  /** Files of that name, of each hierarchy whose groups have one. Only to be asked while the group exists. */
  filesNamed(name: string): string[];
  /** Puts a running process into the group. Throws if it is gone or not ours to move. Waits as told at `taskFiles`. */
  add(pid: number): void;
  /** The same, while this thread goes on. Rejects where `add` throws. */
  addMeanwhile(pid: number): Promise<void>;
  /** Kills every process in the group (where it `ends` nothing: lifts its CPU quota) and returns when the kernel has been told; they are gone after `destroy` or an empty `pids()`. */
  kill(): void;
  /** Processes in the group at this moment, those in groups that were made below it included. */
  pids(): number[];
  /** The same without those below. */
  ownPids(): number[];
  /** How many processes and threads the kernel counts in the group, until the last of each is reaped; `undefined` where it does not count. */
  processes(): number | undefined;
  usage(): CgroupUsage;
  /** Starts `usage().peakBytes` anew from the present use. Whether this host can. */
  resetPeak(): boolean;
  /** How often the kernel has killed a process of the group for want of memory. */
  oomKills(): number;
  /** How often a fork was refused because of the limit of processes. */
  pidsLimitHits(): number;
  setLimits(limits: CgroupLimitChange): void;
  /** Kills what is left and removes the group. Rejects if processes still hold it after `deadlineMs` (default 5000). Idempotent. */
  destroy(deadlineMs?: number): Promise<void>;
}

const namePrefix = "oe";

let ownerPrefix: string | undefined;

/** Beginning of the names of all groups of this process. */
export function ownPrefix(): string {
  ownerPrefix ??= `${namespacePrefix()}${process.pid}-${readProcessStat("self")?.startTicks ?? 0}-`;
  return ownerPrefix;
}

/** Beginning of the names of groups whose pids mean something to this process. */
export function namespacePrefix(): string {
  return `${namePrefix}-${pidNamespace()}-`;
}

let cachedLayout: Layout | undefined;

/** The layout of this host, found once. */
export function hostLayout(): Layout {
  cachedLayout ??= chooseLayout();
  return cachedLayout;
}

let counter = 0;

/**
 * Makes a group. Limits whose controller this host does not have throw `UNSUPPORTED_LIMIT`: ask `detectCgroups` first.
 * Nothing is left behind where it throws.
 */
export function createCgroup(options: CgroupOptions): Cgroup {
  const layout = hostLayout();
  const wanted: Readonly<Record<ControllerName, unknown>> = {
    memory: options.memoryBytes,
    cpu: options.cpuQuotaMicroseconds,
    pids: options.pids,
  };
  for (const controller of controllerNames) {
    if (wanted[controller] === undefined || layout.controllers[controller] !== undefined) continue;
    throw new OrchestratorError(
      "UNSUPPORTED_LIMIT",
      `cannot limit ${controller} of "${options.name}" by a cgroup: ${layout.missing[controller]}`,
    );
  }
  const label = options.name.replace(/[^A-Za-z0-9_.-]+/g, "_").slice(0, 80);
  const group = makeNew(label, layout, options.ends ?? true);
  try {
    group.setLimits(options);
  } catch (error) {
    group.remove();
    throw error;
  }
  return group;
}

/** Other threads of this process, and other copies of this module, count for themselves: a name that they took is theirs. */
function makeNew(label: string, layout: Layout, ends: boolean): HostCgroup {
  for (;;) {
    const group = new HostCgroup(`${ownPrefix()}${counter++}-${label}`, layout, ends);
    if (group.make()) return group;
  }
}

class HostCgroup implements Cgroup {
  readonly name: string;
  readonly procsFiles: readonly string[];
  readonly #layout: Layout;
  readonly #ends: boolean;
  readonly #directories: readonly string[];
  #cpuQuota: number | "unlimited" = "unlimited";
  #destroyed: Promise<void> | undefined;

  constructor(name: string, layout: Layout, ends: boolean) {
    this.name = name;
    this.#layout = layout;
    this.#ends = ends;
    this.#directories = parentsOf(layout, ends).map((parent) => join(parent, name));
    this.procsFiles = this.#directories.map((directory) => join(directory, "cgroup.procs"));
  }

  get taskFiles(): readonly string[] | undefined {
    const files = this.filesNamed("tasks");
    return files.length === this.#directories.length ? files : undefined;
  }

  filesNamed(name: string): string[] {
    return this.#directories.filter((directory) => has(directory, name)).map((directory) => join(directory, name));
  }

  /** Whether it was made: `false` where somebody has the name. Nothing is left behind where it throws. */
  make(): boolean {
    let made = 0;
    try {
      for (const directory of this.#directories) {
        mkdirSync(directory);
        made++;
      }
      return true;
    } catch (error) {
      for (const directory of this.#directories.slice(0, made)) removeTree(directory);
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }

  /** Removes the directories. The error of the first that something is in: it stays, with those behind it, by which that is killed. */
  remove(): Error | undefined {
    try {
      for (const directory of this.#directories) removeTree(directory);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  add(pid: number): void {
    for (const file of this.procsFiles) writeFileSync(file, String(pid));
  }

  async addMeanwhile(pid: number): Promise<void> {
    for (const file of this.procsFiles) await writeFile(file, String(pid));
  }

  setLimits(limits: CgroupLimitChange): void {
    const { memory, cpu, pids } = this.#layout.controllers;
    if (limits.memoryBytes !== undefined && memory !== undefined)
      dialects[memory.version].setMemory(this.#in(memory.parent), limits.memoryBytes);
    const quota = limits.cpuQuotaMicroseconds;
    if (quota !== undefined && quota !== this.#cpuQuota && cpu !== undefined) {
      dialects[cpu.version].setCpuQuota(this.#in(cpu.parent), quota);
      this.#cpuQuota = quota;
    }
    if (limits.pids !== undefined && pids !== undefined)
      dialects[pids.version].setPids(this.#in(pids.parent), limits.pids);
  }

  kill(): void {
    if (this.#ends) this.#killAll();
    else this.#liftCpuQuota();
  }

  pids(): number[] {
    const file = this.procsFiles[0];
    return file === undefined ? [] : pidsBelow(join(file, ".."));
  }

  ownPids(): number[] {
    const file = this.procsFiles[0];
    return file === undefined ? [] : readPids(file);
  }

  processes(): number | undefined {
    const { pids } = this.#layout.controllers;
    return pids === undefined ? undefined : dialects[pids.version].pids(this.#in(pids.parent));
  }

  usage(): CgroupUsage {
    const { memory } = this.#layout.controllers;
    const peakBytes = memory === undefined ? undefined : dialects[memory.version].memoryPeak(this.#in(memory.parent));
    const accounting = this.#layout.cpuAccounting;
    const cpuSeconds = accounting === undefined ? undefined : readCpuSeconds(this.#in(accounting));
    return {
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      ...(peakBytes === undefined ? {} : { peakBytes }),
    };
  }

  resetPeak(): boolean {
    const { memory } = this.#layout.controllers;
    return memory !== undefined && dialects[memory.version].resetMemoryPeak(this.#in(memory.parent));
  }

  oomKills(): number {
    const { memory } = this.#layout.controllers;
    return memory === undefined ? 0 : (dialects[memory.version].oomKills(this.#in(memory.parent)) ?? 0);
  }

  pidsLimitHits(): number {
    const { pids } = this.#layout.controllers;
    return pids === undefined ? 0 : (dialects[pids.version].pidsLimitHits(this.#in(pids.parent)) ?? 0);
  }

  destroy(deadlineMs = 5000): Promise<void> {
    this.#destroyed ??= this.#destroy(deadlineMs);
    return this.#destroyed;
  }

  async #destroy(deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
      const failure = this.remove();
      if (failure === undefined) return;
      if (this.pids().length > 0) this.#killAll();
      if (performance.now() > deadline) {
        throw new OrchestratorError(
          "INTERNAL",
          `cannot remove the cgroup ${this.name} after ${deadlineMs} ms; processes in it: ${this.pids().join(", ") || "none"}`,
          { cause: failure },
        );
      }
      await delay(waitMs);
    }
  }

  #killAll(): void {
    // A throttled tree needs CPU time to die: under a quota that takes seconds.
    this.#liftCpuQuota();
    if (this.#layout.kill !== undefined && tryWriteFile(join(this.#in(this.#layout.kill), "cgroup.kill"), "1")) return;
    this.#killOneByOne();
  }

  #liftCpuQuota(): void {
    const { cpu } = this.#layout.controllers;
    if (this.#cpuQuota === "unlimited" || cpu === undefined) return;
    try {
      dialects[cpu.version].setCpuQuota(this.#in(cpu.parent), "unlimited");
    } catch {
      // The group is gone already, or the quota stays: it dies slower, not less.
    }
  }

  /**
   * Without `cgroup.kill`: freeze, so that nobody forks meanwhile and no pid can pass to somebody else, kill each, thaw.
   * Without a freezer, rounds until nobody is left; a fork bomb is outrun only as far as its limit of pids lets it be.
   */
  #killOneByOne(): void {
    const { freezer } = this.#layout;
    const state = freezer === undefined ? undefined : join(this.#in(freezer), "freezer.state");
    if (state !== undefined) tryWriteFile(state, "FROZEN");
    for (let round = 0; round < 100; round++) {
      if (killMembers(join(this.procsFiles[0] ?? "", ".."), this.name) === 0) break;
      if (state !== undefined) break;
    }
    if (state !== undefined) tryWriteFile(state, "THAWED");
  }

  #in(parent: string): string {
    return join(parent, this.name);
  }
}

/** Whether the groups of a hierarchy have a file of that name: the kernel's choice, the same for all below one parent. */
const present = new Map<string, boolean>();

function has(directory: string, name: string): boolean {
  const key = join(directory, "..", name);
  const known = present.get(key) ?? existsSync(join(directory, name));
  present.set(key, known);
  return known;
}

/** Each parent directory of the layout once. The memory controller's first: `pids()` reads the first. */
function parentsOf(layout: Layout, ends: boolean): string[] {
  const { memory, cpu, pids } = layout.controllers;
  const toEnd = ends ? [layout.kill, layout.freezer] : [];
  const parents = [memory?.parent, cpu?.parent, pids?.parent, layout.cpuAccounting, ...toEnd];
  return [...new Set(parents.filter((parent) => parent !== undefined))];
}

/** Kills each living process below a directory of the group `name`. How many there were. */
export function killMembers(directory: string, name: string): number {
  const pids = pidsBelow(directory).filter((pid) => readProcessStat(pid)?.state !== "Z");
  for (const pid of pids) {
    try {
      // The list is a moment old. Looked at again at the last moment, so that a pid that has passed on is left alone.
      if (readFileSync(`/proc/${pid}/cgroup`, "latin1").includes(`/${name}`)) process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
  return pids.length;
}

function tryWriteFile(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}
