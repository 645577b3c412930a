/** One run that a fork server forks: the moments of its life, each a promise. */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { assertNever, OrchestratorError } from "../../../../model/error.js";
import { signalName } from "../../../run/exit-code.js";
import type { SandboxExit } from "../../../run/launched.js";

/** What the server tells of one run. The pid is of the server's own namespace. */
export type RunEvent =
  | { readonly event: "forked"; readonly id: number; readonly pid: number }
  | { readonly event: "failed"; readonly id: number; readonly message: string }
  | {
      readonly event: "exited";
      readonly id: number;
      readonly code: number | null;
      readonly signal: number | null;
      readonly deadline: boolean;
    }
  | { readonly event: "gone"; readonly id: number };

/** A promise that is settled from outside, and whose rejection nobody has to see. */
class Moment<Value> {
  readonly reached: Promise<Value>;
  reach!: (value: Value) => void;
  miss!: (error: Error) => void;

  constructor() {
    this.reached = new Promise((resolve, reject) => {
      this.reach = resolve;
      this.miss = reject;
    });
    this.reached.catch(() => {});
  }
}

/** The supervisor's ends of a run. */
export interface RunEnds {
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  readonly channel: Socket;
  /** Descriptor of the folder that holds the run's writable folders. */
  readonly scratch: number;
}

export class ForkedRun {
  readonly id: number;
  /** It waits to be put into its cgroup. */
  readonly forked = new Moment<number>();
  /** It is locked in and its driver waits for a job. */
  readonly ready = new Moment<void>();
  /** Never rejects. */
  readonly exited = new Moment<SandboxExit>();
  /** Nothing of it is alive. Never rejects. */
  readonly gone = new Moment<void>();
  ends: Partial<RunEnds> = {};
  #hasBegun = false;
  /** Pids out here of the processes that everything in it descends from: the init, which orphans fall to, and the run. */
  roots: readonly number[] = [];

  constructor(id: number) {
    this.id = id;
  }

  hear(message: RunEvent): void {
    switch (message.event) {
      case "forked":
        this.forked.reach(message.pid);
        break;
      case "failed":
        this.fail(message.message);
        break;
      case "exited":
        this.#missTheRest("the run died before it began");
        this.exited.reach(exitOf(message));
        break;
      case "gone":
        this.fail("the run was killed before it began");
        this.gone.reach();
        break;
      default:
        assertNever(message);
    }
  }

  begin(): void {
    this.#hasBegun = true;
    this.ready.reach();
  }

  /** The sandbox failed. No matter what has been reached by now; what has been stays as it was. */
  fail(message: string): void {
    this.#missTheRest(message);
    this.exited.reach({ exitCode: null, signal: null, failure: message });
  }

  closeEnds(): void {
    const { stdin, stdout, stderr, channel, scratch } = this.ends;
    for (const socket of [stdin, stdout, stderr, channel]) socket?.destroy();
    if (scratch !== undefined) closeSync(scratch);
    this.ends = {};
  }

  #missTheRest(message: string): void {
    if (this.#hasBegun) return;
    const error = new OrchestratorError("SANDBOX_FAILURE", `a warm sandbox could not be made: ${message}`);
    for (const moment of [this.forked, this.ready]) moment.miss(error);
  }
}

function exitOf(message: RunEvent & { event: "exited" }): SandboxExit {
  const signal = message.signal === null ? null : (signalName(message.signal) ?? `signal ${message.signal}`);
  return { exitCode: message.code, signal, ...(message.deadline ? { deadline: true } : {}) };
}

/** One end of a pipe of the run, opened by its descriptor there. */
export function openPipe(descriptor: number, direction: "read" | "write"): Socket {
  const socket = new Socket({ fd: descriptor, readable: direction === "read", writable: direction === "write" });
  // Its other end may go at any time; how the run ended is told by the exit alone.
  socket.on("error", () => {});
  socket.unref();
  return socket;
}
