/** One sandbox that was started cold, as its supervisor holds it. */
import type { ChildProcess } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import type { Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import type { Cgroup } from "../../../../host/cgroup/index.js";
import { isProcessRunning, type ProcessStat, readProcessStat } from "../../../../host/process-identity.js";
import { OrchestratorError } from "../../../../model/error.js";
import type { Enforcement } from "../../../../model/sandbox.js";
import { exitOfCode } from "../../../run/exit-code.js";
import type { SandboxFiles } from "../../../run/files.js";
import type { LaunchedSandbox, SandboxExit, SandboxUsage } from "../../../run/launched.js";
import { hostFiles } from "../host-files.js";
import { TreeWatch, type TreeWatchLimits } from "../tree-watch.js";
import { usageOf } from "../usage.js";
import { armWord, byeWord, enterFailedCode } from "./launch-script.js";

export interface ColdSandboxParts {
  readonly cgroup: Cgroup | undefined;
  /** Arguments of bubblewrap for its pipe. */
  readonly hidden: Uint8Array;
  /** Folder that the keeper mounts the scratch file system over. */
  readonly scratch: string;
  readonly enforcement: readonly Enforcement[];
  /** What no cgroup holds here. */
  readonly watched: TreeWatchLimits;
}

/** What `read -t` takes anywhere: as good as never. */
const longestArmSeconds = 2_000_000;
const longestDiagnostics = 16_384;
/** A keeper that has not mounted by then never will. */
const launchDeadlineMs = 30_000;

export class ColdSandbox implements LaunchedSandbox {
  readonly backend = "process";
  readonly warm = false;
  readonly channel: { readonly input: Duplex; readonly output: Duplex };
  readonly stdin: Duplex;
  readonly stdout: Duplex;
  readonly stderr: Duplex;
  readonly enforcement: readonly Enforcement[];
  readonly exited: Promise<SandboxExit>;
  onDisposed: () => void = () => {};
  readonly #child: ChildProcess;
  readonly #control: Duplex;
  readonly #parts: ColdSandboxParts;
  readonly #keeperGone: Promise<void>;
  #mounted!: () => void;
  readonly #whenMounted: Promise<void>;
  #settleExit!: (exit: SandboxExit) => void;
  readonly #watch: TreeWatch | undefined;
  /** First of the run's pid namespace, as long as the keeper lives its child. */
  #init: ProcessStat | undefined;
  #scratch: number | undefined;
  #diagnostics = "";
  #deadline = false;
  #lastUsage: SandboxUsage | undefined;
  #killed: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(child: ChildProcess, parts: ColdSandboxParts) {
    this.#child = child;
    this.#parts = parts;
    this.enforcement = parts.enforcement;
    const [, , diagnostics, channel, control, stdin, stdout, stderr, hidden] = child.stdio as unknown as Duplex[];
    this.channel = { input: channel!, output: channel! };
    this.#control = control!;
    this.stdin = stdin!;
    this.stdout = stdout!;
    this.stderr = stderr!;
    this.#whenMounted = new Promise((resolve) => {
      this.#mounted = resolve;
    });
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
    // The sockets break when the other side dies, which `exited` tells better.
    for (const stream of child.stdio) stream?.on("error", () => {});
    (diagnostics as Readable).setEncoding("utf8").on("data", (text: string) => {
      this.#diagnostics = (this.#diagnostics + text).slice(0, longestDiagnostics);
    });
    this.#keeperGone = new Promise((resolve) => {
      child.once("error", (error) => this.#fail(`the launcher could not be started: ${error.message}`, resolve));
      child.once("exit", () => this.#fail("the launcher ended too early", resolve));
    });
    this.#watch = this.#startWatch();
    this.#listen();
    hidden!.end(parts.hidden);
  }

  /** Resolves once the scratch file system is there; rejects where the launcher fails before that. */
  async launched(): Promise<this> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), launchDeadlineMs);
    const exit = await Promise.race([this.#whenMounted, this.exited]);
    clearTimeout(timer);
    if (exit?.failure === undefined) return this;
    await this.dispose();
    throw new OrchestratorError("SANDBOX_FAILURE", `failed to start a sandbox: ${exit.failure}`);
  }

  armDeadline(milliseconds: number): void {
    this.#control.write(`${armWord} ${Math.min(milliseconds / 1000, longestArmSeconds).toFixed(3)}\n`);
  }

  setWaiting(waiting: boolean): void {
    for (const handle of [this.#child, ...this.#child.stdio] as unknown as Partial<Socket>[])
      if (handle?.destroyed === true) continue;
      else if (waiting) handle?.unref?.();
      else handle?.ref?.();
  }

  /** Where a cgroup holds the CPU: another limit from now on. */
  setCpuQuota(micros: number | "unlimited"): void {
    this.#parts.cgroup?.setLimits({ cpuQuotaMicroseconds: micros });
  }

  watchMemory(onExceeded: () => void): void {
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
    await Promise.race([this.#whenMounted, this.#keeperGone]);
    return hostFiles(this.#scratch);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  #startWatch(): TreeWatch | undefined {
    const { watched } = this.#parts;
    const { pid } = this.#child;
    if (pid === undefined || (watched.memoryBytes === undefined && watched.cpuQuotaMicros === undefined))
      return undefined;
    return new TreeWatch(pid, watched, () => this.#scratch);
  }

  #listen(): void {
    let pending = "";
    this.#control.on("data", (chunk: Buffer) => {
      const lines = (pending + chunk.toString("latin1")).split("\n");
      pending = lines.pop()!;
      for (const line of lines) this.#hear(line);
    });
  }

  #hear(line: string): void {
    const [word, argument = ""] = line.split(/ (.*)/s);
    switch (word) {
      case "init":
        this.#init = readProcessStat(Number(argument));
        return;
      case "mounted":
        this.#openScratch();
        this.#mounted();
        return;
      case "deadline":
        this.#deadline = true;
        return;
      case "exit":
        this.#settle(Number(argument));
        return;
      case "failed":
        this.#settleExit({ exitCode: null, signal: null, failure: `${argument} failed: ${this.#diagnostics.trim()}` });
    }
  }

  /** By way of the keeper's own mount namespace. Kept open, so that the files outlive everybody in there. */
  #openScratch(): void {
    try {
      const path = `/proc/${this.#child.pid}/root${this.#parts.scratch}`;
      this.#scratch = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch {
      // The keeper was killed meanwhile: there is nothing to collect.
    }
  }

  #settle(code: number): void {
    if (code === enterFailedCode) {
      this.#settleExit({ exitCode: null, signal: null, failure: "its cgroup could not be entered" });
      return;
    }
    this.#settleExit({ ...exitOfCode(code), ...(this.#deadline ? { deadline: true } : {}) });
  }

  /** The keeper has ended: everything of the run has been killed or is about to be. */
  #fail(reason: string, resolve: () => void): void {
    resolve();
    if (this.#deadline) this.#settleExit({ exitCode: null, signal: "SIGKILL", deadline: true });
    else if (this.#killed !== undefined) this.#settleExit({ exitCode: null, signal: "SIGKILL" });
    else this.#settleExit({ exitCode: null, signal: null, failure: `${reason}: ${this.#diagnostics.trim()}` });
  }

  async #kill(): Promise<void> {
    const { cgroup } = this.#parts;
    cgroup?.kill();
    this.#control.end(`${byeWord}\n`);
    if (cgroup === undefined) return this.#keeperGone;
    await whenEmpty(cgroup);
  }

  /** It ends by itself once it was told to, after everything below it. */
  async #endKeeper(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), killDeadlineMs);
    await this.#keeperGone;
    clearTimeout(timer);
    // Whoever killed the keeper (the host, out of memory) did not kill the namespace: that is done here.
    const init = this.#init;
    if (init !== undefined && isProcessRunning(init.pid, init.startTicks)) process.kill(init.pid, "SIGKILL");
  }

  async #dispose(): Promise<void> {
    this.#watch?.close();
    await this.kill();
    this.#lastUsage = this.usage();
    this.#control.destroy();
    for (const stream of this.#child.stdio) stream?.destroy();
    if (this.#scratch !== undefined) closeSync(this.#scratch);
    this.#scratch = undefined;
    await this.#endKeeper();
    await this.#parts.cgroup?.destroy().catch(() => {});
    this.onDisposed();
  }
}

const killDeadlineMs = 5000;

async function whenEmpty(cgroup: Cgroup): Promise<void> {
  const deadline = performance.now() + killDeadlineMs;
  for (let wait = 1; cgroup.pids().length > 0 && performance.now() < deadline; wait = Math.min(2 * wait, 20)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    cgroup.kill();
  }
}
