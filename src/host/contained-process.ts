/**
 * A program whose whole tree is accounted for and can be ended: in a process group of its own, marked in its
 * environment, in a cgroup with limits where this host lets us make one, and killed by the kernel if this process dies
 * (`setpriv --pdeathsig`, where util-linux has it).
 *
 *     spawnContained() --> runs --exit--> finish(): what it left behind is ended, usage read, cgroup removed
 *                            \--terminate(): SIGTERM, grace, SIGKILL to the tree--/
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Cgroup,
  type CgroupLimits,
  type CgroupUsage,
  createCgroup,
  detectCgroups,
  enterCgroup,
  sweepCgroups,
} from "./cgroup/index.js";
import { readProcessStat } from "./process-identity.js";
import { killProcessTree, newTreeMarker, type ProcessTree, signalProcessTree, treeMarkerName } from "./process-tree.js";

export interface ContainedOptions {
  /** What it is, for the cgroup's name. */
  readonly label: string;
  /** Program (an absolute path) and arguments. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdio: NonNullable<SpawnOptions["stdio"]>;
  /** Held as far as `detectCgroups()` says; a limit whose controller is not usable is left out. */
  readonly limits: CgroupLimits;
}

export interface ContainedProcess {
  readonly child: ChildProcess;
  readonly cgroup: Cgroup | undefined;
  /** The first process's end. Rejects if it could not be started. */
  readonly exited: Promise<ProcessExit>;
  /** Sends a signal to every process of the tree. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM to the tree, `graceMs` of waiting, SIGKILL. Resolves when the tree is gone. */
  terminate(graceMs: number): Promise<void>;
  /** To be called once after the end: ends what is left of the tree within `graceMs`, gives its usage and removes the cgroup. */
  finish(graceMs: number): Promise<ContainedEnd>;
}

export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ContainedEnd {
  readonly usage: CgroupUsage | undefined;
  /** Processes of the tree that the kernel killed for want of memory. */
  readonly oomKills: number;
}

export function spawnContained(options: ContainedOptions): ContainedProcess {
  const cgroup = makeCgroup(options);
  try {
    return new SpawnedProcess(options, cgroup);
  } catch (error) {
    void cgroup?.destroy().catch(() => {});
    throw error;
  }
}

/** A group even where nothing is limited: it counts what the tree uses, and ends it at a stroke. */
function makeCgroup({ label, limits }: ContainedOptions): Cgroup | undefined {
  const support = detectCgroups();
  if (support.version === "none") return undefined;
  sweepOnce();
  const held: { -readonly [Key in keyof CgroupLimits]: CgroupLimits[Key] } = {};
  if (limits.memoryBytes !== undefined && support.memory.usable) held.memoryBytes = limits.memoryBytes;
  if (limits.cpuQuotaMicroseconds !== undefined && support.cpu.usable)
    held.cpuQuotaMicroseconds = limits.cpuQuotaMicroseconds;
  if (limits.pids !== undefined && support.pids.usable) held.pids = limits.pids;
  return createCgroup({ name: label, ...held });
}

let swept = false;

/** Ends what an earlier program that was killed has left running in its groups. */
function sweepOnce(): void {
  if (swept) return;
  swept = true;
  void sweepCgroups().catch(() => {});
}

class SpawnedProcess implements ContainedProcess {
  readonly child: ChildProcess;
  readonly cgroup: Cgroup | undefined;
  readonly exited: Promise<ProcessExit>;
  readonly #tree: ProcessTree;
  #finished: Promise<ContainedEnd> | undefined;

  constructor({ argv, cwd, env, stdio }: ContainedOptions, cgroup: Cgroup | undefined) {
    this.cgroup = cgroup;
    const marker = newTreeMarker();
    const dying = [...deathSignalPrefix(), ...argv];
    const [program, ...rest] = cgroup === undefined ? dying : enterCgroup(cgroup, dying);
    this.child = spawn(program!, rest, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...env, [treeMarkerName]: marker },
      stdio,
      // A group of its own, so that a signal reaches the tree and the terminal's Ctrl-C does not: that is the executor's to pass on.
      detached: true,
      windowsHide: true,
    });
    const pid = this.child.pid ?? -1;
    this.#tree = { pid, startTicks: pid === -1 ? undefined : readProcessStat(pid)?.startTicks, marker };
    this.exited = new Promise((resolve, reject) => {
      this.child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
      this.child.once("error", (error) => {
        if (this.child.pid === undefined) reject(error);
      });
    });
    this.exited.catch(() => {});
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined) signalProcessTree(this.#tree, signal);
  }

  async terminate(graceMs: number): Promise<void> {
    if (this.child.pid === undefined) return;
    if (this.cgroup === undefined) {
      await killProcessTree(this.#tree, { graceMs });
      return;
    }
    if (graceMs > 0) {
      this.#signalGroup("SIGTERM");
      await this.#emptied(graceMs);
    }
    if (this.#isOver()) return;
    this.cgroup.kill();
    this.#signalFirst("SIGKILL");
    await this.#emptied(10_000);
  }

  /** Right after the start, the first process is the launcher, which may not have entered the group yet. */
  #signalFirst(signal: NodeJS.Signals): void {
    if (!this.#isReaped()) this.child.kill(signal);
  }

  #isReaped(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  #isOver(): boolean {
    return this.#isReaped() && this.cgroup!.pids().length === 0;
  }

  finish(graceMs: number): Promise<ContainedEnd> {
    this.#finished ??= this.#finish(graceMs);
    return this.#finished;
  }

  async #finish(graceMs: number): Promise<ContainedEnd> {
    if (this.child.pid !== undefined) {
      if (this.cgroup === undefined || this.cgroup.pids().length > 0) await this.terminate(graceMs);
    }
    if (this.cgroup === undefined) return { usage: undefined, oomKills: 0 };
    const end = { usage: this.cgroup.usage(), oomKills: this.cgroup.oomKills() };
    // A group that cannot be removed now is removed by the next sweep; the attempt's end does not depend on it.
    await this.cgroup.destroy().catch(() => {});
    return end;
  }

  #signalGroup(signal: NodeJS.Signals): void {
    const pids = this.cgroup!.pids();
    if (!pids.includes(this.child.pid!)) this.#signalFirst(signal);
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // Ended meanwhile.
      }
    }
  }

  /** Waits until the group is empty and the first process is reaped, or the time is over. */
  async #emptied(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    for (let waitMs = 1; performance.now() < deadline; waitMs = Math.min(waitMs * 2, 20)) {
      if (this.#isOver()) return;
      await delay(waitMs);
    }
  }
}

let prefix: readonly string[] | undefined;

/** What makes the kernel kill a program when its parent dies, where it can be had. */
function deathSignalPrefix(): readonly string[] {
  prefix ??= findDeathSignalPrefix();
  return prefix;
}

function findDeathSignalPrefix(): readonly string[] {
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path));
  if (setpriv === undefined) return [];
  const words = [setpriv, "--pdeathsig", "KILL", "--"];
  return spawnSync(setpriv, [...words.slice(1), "/bin/sh", "-c", ":"], { timeout: 5000 }).status === 0 ? words : [];
}
