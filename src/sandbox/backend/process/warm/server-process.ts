/** The processes of a fork server as its supervisor holds them: their start, the line to them, and their end. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../../../model/error.js";
import { ChannelListener } from "./channel-listener.js";
import type { RunEvent } from "./forked-run.js";
import { LineMessages } from "./line-messages.js";
import type { ServerPlan } from "./server-plan.js";

type ServerEvent =
  | { readonly event: "unshared" | "started" }
  | { readonly event: "keeper"; readonly pid: number }
  | { readonly event: "broken"; readonly message: string }
  | {
      readonly event: "preloaded";
      readonly skipped: Readonly<Record<string, string>>;
      readonly threaded: string | null;
    };

const folder = fileURLToPath(new URL("./server/", import.meta.url));
const startDeadlineMs = 60_000;
const longestStderr = 8192;

export class ServerProcess {
  keeperPid = 0;
  alive = true;
  onRunEvent: (event: RunEvent) => void = () => {};
  readonly listener: ChannelListener;
  readonly ended: Promise<string>;
  readonly preloaded: Promise<ServerEvent & { event: "preloaded" }>;
  readonly #child: ChildProcess;
  readonly #line: LineMessages<ServerEvent | RunEvent>;
  readonly #plan: ServerPlan;
  #words = "";
  #reason = "";
  #onPreloaded!: (event: ServerEvent & { event: "preloaded" }) => void;

  static async start(plan: ServerPlan, place: (pid: number) => void): Promise<ServerProcess> {
    const listener = await ChannelListener.open();
    const server = new ServerProcess(plan, listener, place);
    const timer = setTimeout(() => server.killNow(), startDeadlineMs);
    try {
      const failure = server.ended.then((message) => {
        throw new OrchestratorError("SANDBOX_FAILURE", `failed to start a fork server: ${message}`);
      });
      await Promise.race([server.preloaded, failure]);
      return server;
    } finally {
      clearTimeout(timer);
      listener.forgetName();
    }
  }

  private constructor(plan: ServerPlan, listener: ChannelListener, place: (pid: number) => void) {
    this.#plan = plan;
    this.listener = listener;
    this.preloaded = new Promise((resolve) => {
      this.#onPreloaded = resolve;
    });
    // No site, so that nothing of the host's packages runs before the host is left behind.
    this.#child = spawn(plan.interpreter, ["-I", "-S", "-B", "boot.py"], {
      cwd: folder,
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(this.#end(error.message)));
      this.#child.once("exit", (code, signal) => resolve(this.#end(`it ended with ${signal ?? `code ${code}`}`)));
    });
    const stderr = this.#child.stderr as Readable;
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#words = (this.#words + text).slice(-longestStderr);
    });
    this.#line = new LineMessages(this.#child.stdio[3] as Duplex, (message) => this.#hear(message));
    // Spares and their server keep no program running that has nothing else to do.
    this.#child.unref();
    (this.#child.stderr as Socket).unref();
    this.setBusy(false);
    if (this.#child.pid === undefined) return;
    try {
      place(this.#child.pid);
      const { interpreter: _, uids, ...settings } = plan;
      this.#line.send({ ...settings, socket: listener.path, mapped: uids !== undefined });
    } catch (error) {
      this.#reason = (error as Error).message;
      this.killNow();
    }
  }

  send(message: object): void {
    this.#line.send(message);
  }

  /** Whether this keeps the event loop running. */
  setBusy(busy: boolean): void {
    const line = this.#child.stdio[3] as Socket;
    if (line.destroyed) return; // A socket without a handle would wait for one.
    if (busy) line.ref();
    else line.unref();
  }

  killNow(): void {
    if (this.alive) this.#child.kill("SIGKILL");
  }

  async close(): Promise<void> {
    this.killNow();
    await this.ended;
  }

  #hear(message: ServerEvent | RunEvent): void {
    switch (message.event) {
      case "unshared":
        this.#mapUsers();
        break;
      case "keeper":
        this.keeperPid = message.pid;
        break;
      case "started":
        break;
      case "preloaded":
        this.#onPreloaded(message);
        break;
      case "broken":
        this.#reason = message.message;
        break;
      default:
        this.onRunEvent(message);
    }
  }

  /** Only who has the right to a range of users may give it to a user namespace, and not from inside of it. */
  #mapUsers(): void {
    const { first, count } = this.#plan.uids!;
    try {
      for (const name of ["gid_map", "uid_map"])
        writeFileSync(`/proc/${this.#child.pid}/${name}`, `${first} ${first} ${count}\n`);
      this.send({ op: "mapped" });
    } catch (error) {
      this.#reason = `the users of the runs could not be mapped: ${(error as Error).message}`;
      this.killNow();
    }
  }

  #end(message: string): string {
    this.alive = false;
    this.listener.close();
    const words = [this.#reason, this.#words.trim()].filter((text) => text !== "").join(": ");
    return words === "" ? message : `${message}: ${words}`;
  }
}
