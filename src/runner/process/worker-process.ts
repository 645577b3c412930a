/**
 * The parent's side of one worker process: it runs one attempt at a time, so whatever becomes of the process is the
 * doing of that attempt, and what the process uses meanwhile is that attempt's use.
 *
 * Its memory limit is fixed when it is made: V8 sizes its heap at the start, and a heap that may outgrow the cgroup would
 * be killed for garbage that it had not yet collected. So the heap is given three quarters of the limit.
 */
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { detectCgroups } from "../../host/cgroup/index.js";
import { type ContainedProcess, type ProcessExit, spawnContained } from "../../host/contained-process.js";
import { fromErrorData, toErrorData } from "../../model/error.js";
import type { ResourceUsage } from "../../model/result.js";
import type { ProcessWork } from "../../model/work.js";
import type { AttemptRequest } from "../../port/runner.js";
import { LineSplitter } from "../command/line-splitter.js";
import { cpuQuota } from "../process-limits.js";
import { untilQuiet, wholeTurn } from "../until-quiet.js";
import { WarmKeys } from "../warm-keys.js";
import type { WorkerEnd } from "../worker/failure.js";
import type { FunctionNumbers } from "../worker/function-numbers.js";
import { callFlags, type ToParentMessage, toParent, toWorker } from "../worker/protocol.js";
import type { ProcessAttempt } from "./attempt.js";
import { encodeFrame, FrameReader } from "./frames.js";
import { type FromProcessMessage, fromProcess, type ProcessSetup, setupVariable } from "./process-protocol.js";

export type ReportedFailure = Extract<ToParentMessage, [1, ...unknown[]]>;

export interface ProcessOwner {
  /** The attempt is over and the process is ready for the next. */
  attemptSucceeded(worker: WorkerProcess, attempt: ProcessAttempt, output: unknown, usage?: ResourceUsage): void;
  attemptFailed(worker: WorkerProcess, attempt: ProcessAttempt, message: ReportedFailure, usage?: ResourceUsage): void;
  /** The process is gone with its whole tree. */
  processEnded(worker: WorkerProcess, end: WorkerEnd, usage?: ResourceUsage): void;
}

export interface WorkerProcessOptions {
  readonly id: string;
  readonly memoryBytes: number | undefined;
  readonly recycleAfterBytes: number | undefined;
  readonly functions: FunctionNumbers;
}

const entryPath = fileURLToPath(new URL("./entry.js", import.meta.url));

/** The one slot of a process. */
const slot = 0;

/** After the exit, the longest wait for a pipe that somebody else holds open. */
const drainMs = 100;

export class WorkerProcess {
  readonly id: string;
  readonly memoryBytes: number | undefined;
  /** Attempts that it was given. */
  given = 0;
  attempt: ProcessAttempt | undefined;
  state: "serving" | "retiring" | "ended" = "serving";
  /** Whether it asked to be replaced. */
  full = false;
  /** Whether it ever took calls. */
  wasReady = false;
  idleSinceMs = 0;
  readonly warmKeys = new WarmKeys();
  readonly #owner: ProcessOwner;
  readonly #functions: FunctionNumbers;
  readonly #registered: boolean[] = [];
  readonly #contained: ContainedProcess;
  readonly #socket: Socket;
  readonly #lines: readonly LineSplitter[];
  /** What came over stdout and stderr, to see when nothing more does. */
  #outputBytes = 0;
  #stderrTail = "";
  #error: Error | undefined;
  #toldCpuSeconds: number | undefined;
  #cpuSecondsBefore = 0;
  #peakIsOwn = true;
  #termination: Promise<void> | undefined;

  constructor({ id, memoryBytes, recycleAfterBytes, functions }: WorkerProcessOptions, owner: ProcessOwner) {
    this.id = id;
    this.memoryBytes = memoryBytes;
    this.#owner = owner;
    this.#functions = functions;
    const heap =
      memoryBytes === undefined ? [] : [`--max-old-space-size=${Math.floor((memoryBytes * 0.75) / 2 ** 20)}`];
    const setup: ProcessSetup = {
      tellCpu: detectCgroups().version === "none",
      ...(recycleAfterBytes === undefined ? {} : { recycleAfterBytes }),
    };
    this.#contained = spawnContained({
      label: id,
      argv: [process.execPath, ...inheritedArguments(), ...heap, entryPath],
      env: { ...process.env, [setupVariable]: JSON.stringify(setup) },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      limits: memoryBytes === undefined ? {} : { memoryBytes },
    });
    const { child } = this.#contained;
    this.#socket = child.stdio[3] as Socket;
    const reader = new FrameReader((value) => this.#receive(value as FromProcessMessage));
    this.#socket.on("data", (chunk) => reader.push(chunk));
    this.#socket.on("error", () => {});
    this.#lines = [this.#follow("stdout"), this.#follow("stderr")];
    void this.#waitForEnd();
  }

  /** Gives the process its next attempt. Throws where the inputs cannot be serialised; it has no attempt then. */
  give(attempt: ProcessAttempt): void {
    const { request } = attempt;
    const { module, exportName } = request.work as ProcessWork;
    const known = this.#functions.of(module, exportName);
    const call = [toWorker.call, slot, known.number, request.inputs, callFlags.announce];
    const frame = encodeFrame([
      ...call,
      request.runId,
      request.taskId,
      request.attempt,
      ...(request.trace === undefined ? [] : [request.trace]),
    ]);
    if (this.#registered[known.number] !== true) {
      this.#registered[known.number] = true;
      this.#socket.write(encodeFrame([toWorker.register, known.number, known.module, known.exportName]));
    }
    this.attempt = attempt;
    this.given++;
    this.hold(true);
    this.#prepareCgroup(request);
    this.#socket.write(frame);
  }

  /** Keeps this process alive while the worker has work. */
  hold(held: boolean): void {
    const { child } = this.#contained;
    const handles = [child, this.#socket, child.stdout as Socket | null, child.stderr as Socket | null];
    for (const handle of handles) {
      if (held) handle?.ref();
      else handle?.unref();
    }
  }

  /** Aborts the attempt's signal. */
  signalAbort(reason: Error): void {
    this.#socket.write(encodeFrame([toWorker.abort, slot, toErrorData(reason)]));
  }

  /** SIGTERM to its tree, the grace, SIGKILL. `processEnded` follows. */
  terminate(graceMs: number): Promise<void> {
    this.state = this.state === "ended" ? "ended" : "retiring";
    this.hold(true);
    if (this.#termination === undefined || graceMs === 0)
      this.#termination = this.#contained.terminate(graceMs).catch(() => {});
    return this.#termination;
  }

  #follow(stream: "stdout" | "stderr"): LineSplitter {
    const lines = new LineSplitter((line) => this.attempt?.listener.log(stream, line));
    const readable = this.#contained.child[stream]!;
    readable.on("data", (chunk: Buffer) => {
      this.#outputBytes += chunk.length;
      if (stream === "stderr") this.#stderrTail = (this.#stderrTail + chunk.toString("latin1")).slice(-8192);
      lines.push(chunk);
    });
    readable.on("error", () => {});
    return lines;
  }

  #prepareCgroup(request: AttemptRequest): void {
    const { cgroup } = this.#contained;
    if (cgroup === undefined) return;
    try {
      cgroup.setLimits({ cpuQuotaMicroseconds: request.cpuCores ? cpuQuota(request.cpuCores) : "unlimited" });
      this.#peakIsOwn = cgroup.resetPeak() || this.given === 1;
      this.#cpuSecondsBefore = cgroup.usage().cpuSeconds ?? 0;
    } catch {
      // The process is gone already, with its group: its end is on the way.
    }
  }

  /** What the attempt has used: the group's own count where there is one, else what the process told. */
  #usage(total = this.#contained.cgroup?.usage()): ResourceUsage | undefined {
    const cpuSeconds =
      total?.cpuSeconds === undefined ? this.#toldCpuSeconds : total.cpuSeconds - this.#cpuSecondsBefore;
    const peakBytes = this.#peakIsOwn ? total?.peakBytes : undefined;
    if (cpuSeconds === undefined && peakBytes === undefined) return undefined;
    return {
      ...(cpuSeconds === undefined ? {} : { cpuSeconds: Math.max(0, cpuSeconds) }),
      ...(peakBytes === undefined ? {} : { peakBytes }),
    };
  }

  #receive(message: FromProcessMessage): void {
    if (typeof message === "number") {
      this.#over((attempt, usage) => this.#owner.attemptSucceeded(this, attempt, undefined, usage));
      return;
    }
    switch (message[0]) {
      case toParent.ready:
        this.wasReady = true;
        break;
      case toParent.full:
        this.full = true;
        break;
      case fromProcess.dying:
        this.#error = fromErrorData(message[1]);
        break;
      case fromProcess.cpu:
        this.#toldCpuSeconds = message[1] / 1e6;
        break;
      case toParent.started:
        this.attempt?.listener.started(this.id);
        break;
      case toParent.progress:
        this.attempt?.listener.progress(message[2]);
        break;
      case toParent.log:
        this.attempt?.listener.log("log", message[2]);
        break;
      case toParent.succeeded:
        this.#over((attempt, usage) => this.#owner.attemptSucceeded(this, attempt, message[2], usage));
        break;
      case toParent.failed:
        if (message[4] >= 0) this.#registered[message[4]] = false;
        this.#over((attempt, usage) => this.#owner.attemptFailed(this, attempt, message, usage));
        break;
    }
  }

  /** What the attempt wrote to stdout before its end may still be on its way: the end is told when a turn brings no more. */
  #over(tell: (attempt: ProcessAttempt, usage: ResourceUsage | undefined) => void): void {
    const { attempt } = this;
    if (attempt === undefined) return;
    const usage = this.#usage();
    void untilQuiet(() => this.#outputBytes).then(() => {
      if (this.attempt !== attempt) return;
      for (const lines of this.#lines) lines.end();
      this.attempt = undefined;
      tell(attempt, usage);
    });
  }

  async #waitForEnd(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    let exit: ProcessExit;
    try {
      exit = await this.#contained.exited;
    } catch (error) {
      this.#error ??= error as Error;
      exit = { exitCode: null, signal: null };
    }
    this.state = "ended";
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, drainMs))]);
    // An end that was reported just before the exit is told on the next turn.
    await untilQuiet(() => this.#outputBytes);
    await wholeTurn();
    const { usage, oomKills } = await this.#contained.finish(0);
    for (const lines of this.#lines) lines.end();
    for (const stream of [this.#socket, this.#contained.child.stdout, this.#contained.child.stderr]) stream?.destroy();
    this.#owner.processEnded(this, this.#describeEnd(exit, oomKills, usage?.peakBytes), this.#usage(usage));
  }

  #describeEnd({ exitCode, signal }: ProcessExit, oomKills: number, peakBytes: number | undefined): WorkerEnd {
    const heapOverflow = signal === "SIGABRT" && this.#stderrTail.includes("heap out of memory");
    const end = this.#error === undefined ? { exitCode, signal } : { exitCode, signal, error: this.#error };
    if (oomKills === 0 && !heapOverflow) return end;
    return {
      ...end,
      memory: {
        ...(this.memoryBytes === undefined ? {} : { limitBytes: this.memoryBytes }),
        ...(peakBytes === undefined ? {} : { peakBytes }),
      },
    };
  }
}

/** Node's own flags of this process (a loader, say), but not those that would make two processes listen on one port. */
function inheritedArguments(): string[] {
  return process.execArgv.filter(
    (argument) => !/^--(inspect|debug|max-old-space-size|max_old_space_size)/.test(argument),
  );
}
