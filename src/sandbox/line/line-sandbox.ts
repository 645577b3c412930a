/**
 * A sandbox that is reached over one line of frames: an agent that is ours waits at the other end, in a guest or in a
 * container, and carries streams, channel, files and facts to and fro. What `run-code.ts` and sessions make of it is what
 * they make of any other.
 *
 * Code may have broken out to where the agent is and speak in its place. So every frame has a bound, what nobody reads
 * piles up to a bound, and whoever breaks the protocol is cut off and counts as ended.
 */
import { PassThrough } from "node:stream";
import type { Enforcement, SandboxBackendName } from "../../model/sandbox.js";
import { exitOfCode, signalName } from "../run/exit-code.js";
import type { SandboxFiles } from "../run/files.js";
import type { LaunchedSandbox, SandboxExit, SandboxUsage } from "../run/launched.js";
import type { Frame } from "./frames.js";
import { LineFiles } from "./line-files.js";
import { LineInput } from "./line-input.js";

/** Why a partner is no more. */
export interface PartnerEnd {
  readonly reason: string;
  /** Its kernel ended it for want of memory. */
  readonly outOfMemory?: boolean;
}

/** What is at the other end, and what holds it. */
export interface Partner {
  /** What it is called in messages: `"guest"`, `"container"`. */
  readonly noun: string;
  send(kind: string, payload?: Uint8Array | string): void;
  /** Told of each frame; what it throws breaks the partner off. */
  set onFrame(listener: (frame: Frame) => void);
  /** Takes frames of kinds that are its own, and says whether it did. */
  hear?(frame: Frame): boolean;
  /** Resolves once nothing is to be heard of it any more. */
  readonly ended: Promise<PartnerEnd>;
  /** Counts as its end: what it sends from now on is not heard. */
  breakOff(reason: string): void;
  /** Lifts its quota of CPU, so that it dies at once, and closes what ways out it has. */
  beforeKill(): void;
  armDeadline(milliseconds: number): void;
  setWaiting?(waiting: boolean): void;
  connectProxy?(socketPath: string): void;
  /** What the host itself counted of it, over what its agent tells. */
  usage?(): Partial<SandboxUsage>;
  /** Ends it with all that is in it, and resolves when nothing of it is alive. */
  kill(): Promise<void>;
  /** The same, and gives back what it holds on the host. Never rejects. */
  dispose(): Promise<void>;
}

export interface LineSandboxParts {
  readonly backend: SandboxBackendName;
  readonly partner: Partner;
  readonly enforcement: readonly Enforcement[];
  /** Told once, when everything is gone. */
  onDisposed(): void;
}

/**
 * An agent that is well kills everything in a few milliseconds, and tells its files at once. On a machine that has no time for it
 * it takes longer: a run that has ended by itself may use what is left of its time limit.
 */
const killPatienceMs = 1000;
const filesPatienceMs = 1500;
/** More than one line of a session may bring, and no more than a supervisor can bear. */
const surplusBytes = 16 * 2 ** 20;

export class LineSandbox implements LaunchedSandbox {
  readonly backend: SandboxBackendName;
  readonly warm = false;
  readonly enforcement: readonly Enforcement[];
  readonly channel: { readonly input: LineInput; readonly output: PassThrough };
  readonly stdin: LineInput;
  readonly stdout = new PassThrough({ highWaterMark: 1 << 20 });
  readonly stderr = new PassThrough({ highWaterMark: 1 << 20 });
  readonly exited: Promise<SandboxExit>;
  readonly #partner: Partner;
  readonly #parts: LineSandboxParts;
  readonly #files: LineFiles;
  #settleExit!: (exit: SandboxExit) => void;
  #usage: SandboxUsage = { oomKills: 0, processLimitHits: 0 };
  #diskFull = false;
  #deadline: number | undefined;
  #deadlineCame = false;
  #hasExited = false;
  #hearFiles: (frame: Frame) => void = () => {};
  readonly #heard = new Map<string, () => void>();
  #allDead!: () => void;
  readonly #whenAllDead: Promise<void>;
  #killed: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;
  #unread = 0;

  constructor(parts: LineSandboxParts) {
    const { partner } = parts;
    this.#parts = parts;
    this.#partner = partner;
    this.backend = parts.backend;
    this.enforcement = parts.enforcement;
    const output = new PassThrough({ highWaterMark: 1 << 20 });
    const input = new LineInput(
      (payload) => partner.send("C", payload),
      () => {},
    );
    this.channel = { input, output };
    this.stdin = new LineInput(
      (payload) => partner.send("I", payload),
      () => partner.send("i"),
    );
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
    this.#whenAllDead = new Promise((resolve) => {
      this.#allDead = resolve;
    });
    const line = {
      send: (kind: string, payload: string) => partner.send(kind, payload),
      listen: (listener: (frame: Frame) => void) => {
        this.#hearFiles = listener;
      },
      ended: partner.ended,
      patienceMs: () => filesPatienceMs + this.#timeLeftMs(),
    };
    this.#files = new LineFiles(line, () => this.#diskFull);
    partner.onFrame = (frame) => this.#hear(frame);
    void partner.ended.then((end) => this.#partnerEnded(end));
  }

  /** Resolves at the next frame of a kind. */
  nextFrame(kind: string): Promise<void> {
    return new Promise((resolve) => this.#heard.set(kind, resolve));
  }

  connectProxy(socketPath: string): void {
    this.#partner.connectProxy?.(socketPath);
  }

  armDeadline(milliseconds: number): void {
    this.#deadline = milliseconds === Number.POSITIVE_INFINITY ? undefined : performance.now() + milliseconds;
    this.#partner.armDeadline(milliseconds);
  }

  setWaiting(waiting: boolean): void {
    this.#partner.setWaiting?.(waiting);
  }

  usage(): SandboxUsage {
    return { ...this.#usage, ...this.#partner.usage?.() };
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

  /** Asks the agent, so that files can still be told; a partner that does not answer is killed with all that is in it. */
  async #kill(): Promise<void> {
    const partner = this.#partner;
    partner.beforeKill();
    partner.send("K");
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, killPatienceMs + this.#timeLeftMs(), "late");
    });
    const outcome = await Promise.race([this.#whenAllDead, partner.ended, patience]);
    clearTimeout(timer);
    if (outcome === "late") partner.breakOff(`the ${partner.noun} did not answer`);
    if (outcome !== undefined) await partner.kill();
    this.#settleExit({ exitCode: null, signal: "SIGKILL" });
  }

  async #dispose(): Promise<void> {
    this.#partner.breakOff("its sandbox was disposed of");
    await this.#partner.dispose();
    this.#settleExit({ exitCode: null, signal: "SIGKILL" });
    for (const stream of [this.stdin, this.stdout, this.stderr, this.channel.input, this.channel.output])
      stream.destroy();
    this.#parts.onDisposed();
  }

  /** Of the time limit, once the run has ended by itself. */
  #timeLeftMs(): number {
    if (!this.#hasExited || this.#deadline === undefined) return 0;
    return Math.max(0, this.#deadline - performance.now());
  }

  #hear(frame: Frame): void {
    const { kind, payload } = frame;
    const { noun } = this.#partner;
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
      case "X":
        this.#deadlineCame = true;
        break;
      case "E":
        this.#takeExit(payload);
        break;
      case "K":
        this.#takeUsage(payload);
        this.#allDead();
        break;
      case "G":
        break;
      case "N":
      case "T":
      case "D":
        this.#hearFiles(frame);
        break;
      case "F":
        this.#partner.breakOff(`the ${noun}'s agent failed: ${payload.toString("utf8").slice(0, 2000)}`);
        break;
      default:
        if (this.#partner.hear?.(frame) === true) break;
        this.#partner.breakOff(`the ${noun} sent a message of an unknown kind (${kind.charCodeAt(0)})`);
    }
    this.#heard.get(kind)?.();
    this.#heard.delete(kind);
  }

  /** Whoever reads has a limit of its own and stops the run there; until it has, only so much may pile up. */
  #pass(stream: PassThrough, payload: Buffer): void {
    if (stream.writableEnded || stream.destroyed) return;
    if (!stream.write(payload)) {
      this.#unread += payload.length;
      if (this.#unread > surplusBytes) this.#partner.breakOff(`the ${this.#partner.noun} flooded its line`);
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
    const count = (name: string, before: number | undefined) => {
      const value = told[name];
      const isMore = typeof value === "number" && Number.isFinite(value) && value >= (before ?? 0);
      return isMore ? value : before;
    };
    const cpuSeconds = count("cpuSeconds", this.#usage.cpuSeconds);
    const peakBytes = count("peakBytes", this.#usage.peakBytes);
    this.#usage = {
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      ...(peakBytes === undefined ? {} : { peakBytes }),
      oomKills: count("oomKills", this.#usage.oomKills)!,
      processLimitHits: count("processLimitHits", this.#usage.processLimitHits)!,
    };
    this.#diskFull = told.diskFull === true;
    return told;
  }

  #takeExit(payload: Buffer): void {
    this.#hasExited = true;
    const { code, signal } = this.#takeUsage(payload);
    const name = typeof signal === "number" ? (signalName(signal) ?? `signal ${signal}`) : null;
    const exitCode = typeof code === "number" && Number.isInteger(code) ? code & 0xff : null;
    // A driver that is a shell hands on how its own child ended, as it does behind bubblewrap.
    const exit = name !== null ? { exitCode: null, signal: name } : exitOfCode(exitCode ?? 1);
    this.#settleExit(this.#deadlineCame ? { ...exit, deadline: true } : exit);
  }

  #partnerEnded({ reason, outOfMemory }: PartnerEnd): void {
    for (const stream of [this.stdout, this.stderr, this.channel.output]) stream.end();
    if (outOfMemory === true) this.#usage = { ...this.#usage, oomKills: this.#usage.oomKills + 1 };
    // Its own clock, or that of whoever keeps it, where this process was stuck.
    const late = this.#deadline !== undefined && performance.now() >= this.#deadline;
    if (late) this.#settleExit({ exitCode: null, signal: "SIGKILL", deadline: true });
    else if (this.#killed !== undefined || outOfMemory === true)
      this.#settleExit({ exitCode: null, signal: "SIGKILL" });
    else this.#settleExit({ exitCode: null, signal: null, failure: reason });
  }
}

function readObject(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
