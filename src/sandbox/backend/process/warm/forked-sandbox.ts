/** A forked run as a launched sandbox. */
import type { Cgroup } from "../../../../host/cgroup/index.js";
import type { Enforcement } from "../../../../model/sandbox.js";
import type { SandboxFiles } from "../../../run/files.js";
import type { LaunchedSandbox, SandboxExit, SandboxUsage } from "../../../run/launched.js";
import { hostFiles } from "../host-files.js";
import { TreeWatch, type TreeWatchLimits } from "../tree-watch.js";
import { usageOf } from "../usage.js";
import type { ForkServer } from "./fork-server.js";
import type { ForkedRun, RunEnds } from "./forked-run.js";

export interface ForkedSandboxParts {
  readonly server: ForkServer;
  readonly run: ForkedRun;
  readonly cgroup: Cgroup | undefined;
  readonly enforcement: readonly Enforcement[];
  /** What no cgroup holds here. */
  readonly watched: TreeWatchLimits;
  /** Processes that everything in the sandbox descends from. */
  readonly roots: readonly number[];
  /** Gives back what the run had, once its init is gone too: its user, its cgroup, its place in the server. */
  release(): void;
}

export class ForkedSandbox implements LaunchedSandbox {
  readonly backend = "process";
  readonly warm = true;
  readonly enforcement: readonly Enforcement[];
  readonly exited: Promise<SandboxExit>;
  readonly #parts: ForkedSandboxParts;
  readonly #ends: RunEnds;
  #watch: TreeWatch | undefined;
  #lastUsage: SandboxUsage | undefined;
  #killed: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(parts: ForkedSandboxParts) {
    this.#parts = parts;
    this.#ends = parts.run.ends as RunEnds;
    this.enforcement = parts.enforcement;
    this.exited = parts.run.exited.reached;
  }

  get channel(): LaunchedSandbox["channel"] {
    return { input: this.#ends.channel, output: this.#ends.channel };
  }

  get stdin(): LaunchedSandbox["stdin"] {
    return this.#ends.stdin;
  }

  get stdout(): LaunchedSandbox["stdout"] {
    return this.#ends.stdout;
  }

  get stderr(): LaunchedSandbox["stderr"] {
    return this.#ends.stderr;
  }

  setWaiting(waiting: boolean): void {
    const { stdin, stdout, stderr, channel } = this.#ends;
    for (const socket of [stdin, stdout, stderr, channel])
      if (socket.destroyed) continue;
      else if (waiting) socket.unref();
      else socket.ref();
    // The server has its own hold on the event loop while there is a run whose end somebody waits for.
    this.#parts.server.setBusy(this.#parts.run, !waiting);
  }

  armDeadline(milliseconds: number): void {
    this.#parts.server.arm(this.#parts.run, milliseconds);
    this.#startWatch();
  }

  watchMemory(onExceeded: () => void): void {
    this.#startWatch();
    this.#watch?.onExceeded(onExceeded);
  }

  usage(): SandboxUsage {
    return this.#lastUsage ?? usageOf(this.#watch, this.#parts.cgroup);
  }

  kill(): Promise<void> {
    this.#killed ??= this.#kill();
    return this.#killed;
  }

  async files(): Promise<SandboxFiles | undefined> {
    return this.#disposed === undefined ? hostFiles(this.#ends.scratch) : undefined;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  /** A spare does nothing that would have to be watched: looking at it every 10 ms begins with its job. */
  #startWatch(): void {
    const { watched, roots } = this.#parts;
    if (this.#watch !== undefined || this.#killed !== undefined) return;
    if (watched.memoryBytes === undefined && watched.cpuQuotaMicros === undefined) return;
    this.#watch = new TreeWatch(roots, watched, () => this.#parts.run.ends.scratch);
  }

  /** Where the kernel counts nobody in the cgroup any more, only the init is left, which is the server's and does nothing. */
  async #kill(): Promise<void> {
    const { cgroup, server, run } = this.#parts;
    this.#watch?.close();
    if (cgroup?.processes() !== 0) {
      cgroup?.kill();
      server.kill(run);
      await run.gone.reached;
    }
    this.#lastUsage = this.usage();
  }

  /** The init of a run that has ended by itself is ended by the keeper, in a moment. */
  async #dispose(): Promise<void> {
    await this.kill();
    this.#parts.run.closeEnds();
    this.#parts.release();
  }
}
