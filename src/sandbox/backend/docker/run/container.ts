/**
 * One container with its agent, as a partner of the line: made, attached to, started, and removed.
 *
 * Its standard streams are the line (see agent/agent.pl): no socket or folder of this machine is shown to it, so that it
 * is the same for a daemon elsewhere, for one in a machine of its own, and for gVisor.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { encodeFrame, type Frame, FrameDecoder } from "../../../line/frames.js";
import type { Partner, PartnerEnd } from "../../../line/line-sandbox.js";
import { DaemonError, type DockerClient } from "../client/client.js";
import { Demultiplexer } from "../client/demultiplex.js";
import type { ContainerSpec } from "../container-spec.js";

const longestDiagnostics = 8192;
/** A quota below this makes a crowd die slowly. */
const narrowQuotaMicros = 100_000;

export interface ContainerOptions {
  readonly spec: ContainerSpec;
  readonly cpuQuotaMicros: number;
  /** Told the id of one that could not be removed. */
  onLeft(id: string): void;
}

export class Container implements Partner {
  readonly noun = "container";
  readonly id: string;
  readonly ended: Promise<PartnerEnd>;
  readonly #client: DockerClient;
  readonly #line: Duplex;
  readonly #options: ContainerOptions;
  #onFrame: ((frame: Frame) => void) | undefined;
  #diagnostics = "";
  #broken: string | undefined;
  #end!: (end: PartnerEnd) => void;
  #removed: Promise<void> | undefined;

  private constructor(client: DockerClient, id: string, line: Duplex, options: ContainerOptions) {
    this.#client = client;
    this.id = id;
    this.#line = line;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    line.on("error", () => {});
    line.once("close", () => void this.#closed());
    line.once("end", () => void this.#closed());
  }

  /** @throws OrchestratorError or DaemonError; nothing is left of it then. */
  static async start(client: DockerClient, options: ContainerOptions): Promise<Container> {
    const id = await client.createContainer(`orchestrator-${randomBytes(9).toString("hex")}`, options.spec);
    let container: Container | undefined;
    try {
      container = new Container(client, id, await client.attach(id), options);
      await client.startContainer(id);
      return container;
    } catch (error) {
      container?.breakOff("it did not start");
      await client.removeContainer(id).catch(() => options.onLeft(id));
      throw error;
    }
  }

  /** Frames wait for whoever hears them. */
  set onFrame(listener: (frame: Frame) => void) {
    const isFirst = this.#onFrame === undefined;
    this.#onFrame = listener;
    if (isFirst) this.#listen();
  }

  get onFrame(): (frame: Frame) => void {
    return this.#onFrame ?? (() => {});
  }

  send(kind: string, payload: Uint8Array | string = ""): void {
    if (this.#broken === undefined && !this.#line.destroyed) this.#line.write(encodeFrame(kind, payload));
  }

  breakOff(reason: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#end({ reason });
    this.#line.destroy();
  }

  beforeKill(): void {
    if (this.#options.cpuQuotaMicros >= narrowQuotaMicros) return;
    // It may be gone already, which is what the quota is lifted for.
    this.#client.updateContainer(this.id, { CpuQuota: -1 }).catch(() => {});
  }

  armDeadline(milliseconds: number): void {
    this.send("L", milliseconds === Number.POSITIVE_INFINITY ? "0" : String(Math.max(1, Math.round(milliseconds))));
  }

  setWaiting(waiting: boolean): void {
    const socket = this.#line as Partial<Socket>;
    if (waiting) socket.unref?.();
    else socket.ref?.();
  }

  kill(): Promise<void> {
    return this.dispose();
  }

  dispose(): Promise<void> {
    this.#removed ??= this.#client.removeContainer(this.id).catch(() => this.#options.onLeft(this.id));
    return this.#removed;
  }

  #listen(): void {
    const decoder = new FrameDecoder();
    const demultiplexer = new Demultiplexer((stream, chunk) => {
      if (stream === 2) this.#diagnostics = (this.#diagnostics + chunk.toString("latin1")).slice(-longestDiagnostics);
      else for (const frame of decoder.push(chunk)) if (this.#broken === undefined) this.#onFrame!(frame);
    });
    this.#line.on("data", (chunk: Buffer) => {
      if (this.#broken !== undefined) return;
      try {
        demultiplexer.push(chunk);
      } catch (error) {
        this.breakOff((error as Error).message);
      }
    });
  }

  async #closed(): Promise<void> {
    if (this.#broken !== undefined) return;
    const end = await this.#askWhy();
    this.#broken ??= end.reason;
    this.#end(end);
    this.#line.destroy();
  }

  async #askWhy(): Promise<PartnerEnd> {
    // What a program prints is not to reach a terminal as it is.
    const words = this.#diagnostics
      .replace(/[^\x20-\x7e\n]/g, "")
      .trim()
      .slice(-1000);
    const behind = words === "" ? "" : `: ${words}`;
    try {
      const { State } = await this.#client.inspectContainer(this.id);
      if (State.OOMKilled === true) return { reason: "the container ran out of memory", outOfMemory: true };
      if (State.Running === true) return { reason: `the daemon hung up on the container${behind}` };
      return { reason: `the container ended with exit code ${State.ExitCode}${behind}` };
    } catch (error) {
      if (error instanceof DaemonError) return { reason: `the container was ended from outside${behind}` };
      return { reason: `the connection to the container broke: ${(error as Error).message}` };
    }
  }
}
