/** A restored guest as a launched sandbox: what `run-code.ts` and sessions make of it is what they make of any other. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { detectCgroups } from "../../../../host/cgroup/index.js";
import { OrchestratorError } from "../../../../model/error.js";
import type { Enforcement } from "../../../../model/sandbox.js";
import type { ResolvedLimits } from "../../../config.js";
import { exitOfCode, signalName } from "../../../run/exit-code.js";
import type { SandboxFiles } from "../../../run/files.js";
import type { LaunchedSandbox, SandboxExit, SandboxUsage } from "../../../run/launched.js";
import type { Frame } from "../machine/frames.js";
import { type Machine, orEnd } from "../machine/machine.js";
import { GuestStreams } from "../network/guest-streams.js";
import { GuestFiles } from "./guest-files.js";
import { GuestInput } from "./guest-input.js";

export interface VmSandboxParts {
  readonly machine: Machine;
  readonly limits: ResolvedLimits;
  readonly enforcement: readonly Enforcement[];
  /** How long a guest may take to pass its gate. Default a minute. */
  readonly startDeadlineMs?: number;
  /** Limits the CPU of the whole machine; `"unlimited"` lifts it. */
  setCpuQuota(micros: number | "unlimited"): void;
  /** Told once, when everything is gone. */
  onDisposed(): void;
}

/** A guest that is restored answers in a second; on a very busy machine under emulation in many. */
const usualStartDeadlineMs = 60_000;
/**
 * A guest that is well kills everything in a few milliseconds, and tells its files at once. On a machine that has no time for it it
 * takes longer: a run that has ended by itself may use what is left of its time limit.
 */
const killPatienceMs = 1000;
const filesPatienceMs = 1500;
/** More than one line of a session may bring, and no more than a supervisor can bear. */
const surplusBytes = 16 * 2 ** 20;

export class VmSandbox implements LaunchedSandbox {
  readonly backend = "vm";
  readonly warm = false;
  readonly enforcement: readonly Enforcement[];
  readonly channel: { readonly input: GuestInput; readonly output: PassThrough };
  readonly stdin: GuestInput;
  readonly stdout = new PassThrough({ highWaterMark: 1 << 20 });
  readonly stderr = new PassThrough({ highWaterMark: 1 << 20 });
  readonly exited: Promise<SandboxExit>;
  readonly #parts: VmSandboxParts;
  readonly #files: GuestFiles;
  #streams: GuestStreams | undefined;
  #settleExit!: (exit: SandboxExit) => void;
  #usage: SandboxUsage = { oomKills: 0, processLimitHits: 0 };
  #diskFull = false;
  #hasExited = false;
  #deadline: number | undefined;
  #hearFiles: (frame: Frame) => void = () => {};
  #passed!: () => void;
  readonly #gatePassed: Promise<void>;
  #allDead!: () => void;
  readonly #whenAllDead: Promise<void>;
  #killed: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;
  #unread = 0;
  #cpuBefore = 0;

  constructor(parts: VmSandboxParts) {
    this.#parts = parts;
    this.enforcement = parts.enforcement;
    const { machine } = parts;
    const output = new PassThrough({ highWaterMark: 1 << 20 });
    const input = new GuestInput(
      (payload) => machine.send("C", payload),
      () => {},
    );
    this.channel = { input, output };
    this.stdin = new GuestInput(
      (payload) => machine.send("I", payload),
      () => machine.send("i"),
    );
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
    this.#gatePassed = new Promise((resolve) => {
      this.#passed = resolve;
    });
    this.#whenAllDead = new Promise((resolve) => {
      this.#allDead = resolve;
    });
    const line = {
      send: (kind: string, payload: string) => machine.send(kind, payload),
      listen: (listener: (frame: Frame) => void) => {
        this.#hearFiles = listener;
      },
      ended: machine.ended,
      patienceMs: () => filesPatienceMs + this.#timeLeftMs(),
    };
    this.#files = new GuestFiles(line, () => this.#diskFull);
    machine.onFrame = (frame) => this.#hear(frame);
    void machine.ended.then((reason) => this.#machineEnded(reason));
  }

  /** Tells the restored guest the time and its limits, gives it entropy of its own, and lets its driver go. */
  async go(): Promise<void> {
    const { machine, limits, startDeadlineMs = usualStartDeadlineMs } = this.#parts;
    const { memoryBytes, processes, cpuQuotaMicros, openFiles, fileSizeBytes, diskBytes, inodes } = limits;
    const order = {
      time: `${Date.now()}000000`,
      entropy: randomBytes(64).toString("hex"),
      memoryBytes,
      processes,
      // Where the host limits the machine, the guest must not limit it again: it takes a pause of its machine for work.
      cpuQuotaMicros: detectCgroups().cpu.usable ? null : cpuQuotaMicros,
      rlimits: { RLIMIT_NOFILE: openFiles, RLIMIT_FSIZE: fileSizeBytes },
      diskBytes,
      // The three folders and the root of the file system are not the code's.
      inodes: inodes + 4,
    };
    machine.send("G", JSON.stringify(order));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `a guest could not be restored: it did not answer within ${startDeadlineMs / 1000} s`;
      timer = setTimeout(() => reject(new OrchestratorError("SANDBOX_FAILURE", message)), startDeadlineMs);
    });
    try {
      await orEnd(machine, "a guest could not be restored", Promise.race([this.#gatePassed, late]));
    } finally {
      clearTimeout(timer);
    }
    this.#cpuBefore = machine.cpuSeconds ?? 0;
    this.#parts.setCpuQuota(cpuQuotaMicros);
  }

  armDeadline(milliseconds: number): void {
    // The keeper of QEMU's sandbox is beside this process and outside of the guest. It is the last resort: what the guest
    // has to tell at its end takes a moment more.
    this.#deadline = milliseconds === Number.POSITIVE_INFINITY ? undefined : performance.now() + milliseconds;
    this.#parts.machine.sandbox.armDeadline(milliseconds + keeperSlackMs);
  }

  setWaiting(waiting: boolean): void {
    this.#parts.machine.sandbox.setWaiting?.(waiting);
  }

  connectProxy(socketPath: string): void {
    const { machine } = this.#parts;
    const streams = new GuestStreams({
      connect: () => connect({ path: socketPath, allowHalfOpen: true }),
      send: (payload) => machine.send("W", payload),
      mayRead: () => machine.isRead,
    });
    this.#streams = streams;
    machine.onRead = () => streams.readOn();
  }

  /** Counted in the guest, but for the CPU where this host counts that of the whole machine. */
  usage(): SandboxUsage {
    const { cpuSeconds } = this.#parts.machine;
    return cpuSeconds === undefined
      ? this.#usage
      : { ...this.#usage, cpuSeconds: Math.max(0, cpuSeconds - this.#cpuBefore) };
  }

  kill(): Promise<void> {
    this.#killed ??= this.#kill();
    return this.#killed;
  }

  async files(): Promise<SandboxFiles | undefined> {
    return this.#files;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  /** Asks the agent, so that files can still be told; a guest that does not answer is killed with all that is in it. */
  async #kill(): Promise<void> {
    const { machine, setCpuQuota } = this.#parts;
    setCpuQuota("unlimited");
    this.#streams?.close();
    machine.send("K");
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, killPatienceMs + this.#timeLeftMs(), "late");
    });
    const outcome = await Promise.race([this.#whenAllDead, machine.ended, patience]);
    clearTimeout(timer);
    if (outcome === "late") machine.breakOff("the guest did not answer");
    if (outcome !== undefined) await machine.sandbox.kill();
    this.#settleExit({ exitCode: null, signal: "SIGKILL" });
  }

  async #dispose(): Promise<void> {
    const { machine, onDisposed } = this.#parts;
    machine.breakOff("its sandbox was disposed of");
    this.#streams?.close();
    await machine.sandbox.dispose();
    this.#settleExit({ exitCode: null, signal: "SIGKILL" });
    for (const stream of [this.stdin, this.stdout, this.stderr, this.channel.input, this.channel.output])
      stream.destroy();
    onDisposed();
  }

  #hear(frame: Frame): void {
    const { kind, payload } = frame;
    switch (kind) {
      case "1":
        this.#pass(this.stdout, payload);
        break;
      case "2":
        this.#pass(this.stderr, payload);
        break;
      case "C":
        this.#pass(this.channel.output, payload);
        break;
      case "e":
        this.#endStream(payload.toString("latin1"));
        break;
      case "a":
        if (payload.length === 5) (payload[0] === 0 ? this.stdin : this.channel.input).taken(payload.readUInt32BE(1));
        break;
      case "U":
        this.#takeUsage(payload);
        break;
      case "E":
        this.#takeExit(payload);
        break;
      case "K":
        this.#takeUsage(payload);
        this.#allDead();
        break;
      case "G":
        this.#passed();
        break;
      case "N":
      case "T":
      case "D":
        this.#hearFiles(frame);
        break;
      case "W":
        this.#hearStreams(payload);
        break;
      case "F":
        this.#parts.machine.breakOff(`the guest's agent failed: ${payload.toString("utf8").slice(0, 2000)}`);
        break;
      default:
        this.#parts.machine.breakOff(`the guest sent a message of an unknown kind (${kind.charCodeAt(0)})`);
    }
  }

  #hearStreams(payload: Buffer): void {
    // The decoder's reader breaks the machine off with what is thrown here.
    if (this.#streams === undefined) throw new RangeError("the guest asked for a way out that it was not given");
    this.#streams.hear(payload);
  }

  /** Whoever reads has a limit of its own and stops the run there; until it has, only so much may pile up. */
  #pass(stream: PassThrough, payload: Buffer): void {
    if (stream.writableEnded || stream.destroyed) return;
    if (!stream.write(Buffer.from(payload))) {
      this.#unread += payload.length;
      if (this.#unread > surplusBytes) this.#parts.machine.breakOff("the guest flooded its line");
      stream.once("drain", () => {
        this.#unread = 0;
      });
    }
  }

  #endStream(kind: string): void {
    const stream = { "1": this.stdout, "2": this.stderr, C: this.channel.output }[kind];
    stream?.end();
  }

  #takeUsage(payload: Buffer): Record<string, unknown> {
    const told = readObject(payload);
    const count = (name: string, before: number) => {
      const value = told[name];
      return typeof value === "number" && Number.isFinite(value) && value >= before ? value : before;
    };
    this.#usage = {
      cpuSeconds: count("cpuSeconds", this.#usage.cpuSeconds ?? 0),
      peakBytes: count("peakBytes", this.#usage.peakBytes ?? 0),
      oomKills: count("oomKills", this.#usage.oomKills),
      processLimitHits: count("processLimitHits", this.#usage.processLimitHits),
    };
    this.#diskFull = told.diskFull === true;
    return told;
  }

  /** Of the time limit, once the run has ended by itself. */
  #timeLeftMs(): number {
    if (!this.#hasExited || this.#deadline === undefined) return 0;
    return Math.max(0, this.#deadline - performance.now());
  }

  #takeExit(payload: Buffer): void {
    this.#hasExited = true;
    const { code, signal } = this.#takeUsage(payload);
    const name = typeof signal === "number" ? (signalName(signal) ?? `signal ${signal}`) : null;
    const exitCode = typeof code === "number" && Number.isInteger(code) ? code & 0xff : null;
    // A driver that is a shell hands on how its own child ended, as it does behind bubblewrap.
    if (name !== null) this.#settleExit({ exitCode: null, signal: name });
    else this.#settleExit(exitOfCode(exitCode ?? 1));
  }

  #machineEnded(reason: string): void {
    this.#streams?.close();
    for (const stream of [this.stdout, this.stderr, this.channel.output]) stream.end();
    // The keeper's own clock, where this process was stuck.
    const late = this.#deadline !== undefined && performance.now() >= this.#deadline;
    if (late) this.#settleExit({ exitCode: null, signal: "SIGKILL", deadline: true });
    else if (this.#killed !== undefined) this.#settleExit({ exitCode: null, signal: "SIGKILL" });
    else this.#settleExit({ exitCode: null, signal: null, failure: reason });
  }
}

/** Beyond the supervisor's own patience with a guest that is to kill its run and tell its files. */
const keeperSlackMs = 1500;

function readObject(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
