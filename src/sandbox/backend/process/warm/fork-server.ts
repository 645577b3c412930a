/**
 * The supervisor's half of a fork server; the other half, and how both work, is in `server/boot.py`.
 *
 * A fork takes two steps because a cgroup is entered from out here: the run's init waits until it is in, makes its
 * namespaces there, and then the run itself is forked and waits likewise. Only then does the run lock itself in and
 * boot its driver. All of this is done ahead, for a spare.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants, openSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../../../model/error.js";
import { ChannelListener } from "./channel-listener.js";
import { ForkedRun, openPipe, type RunEvent } from "./forked-run.js";
import { LineMessages } from "./line-messages.js";
import { outerPidOfChild } from "./namespace-pids.js";
import type { ForkOrder, ServerPlan } from "./server-plan.js";

type ServerEvent =
  | { readonly event: "unshared" | "started" }
  | { readonly event: "keeper"; readonly pid: number }
  | { readonly event: "broken"; readonly message: string }
  | {
      readonly event: "preloaded";
      readonly skipped: Readonly<Record<string, string>>;
      readonly threaded: string | null;
    };

/** A module that cannot be imported ahead, by name, with the reason. */
export type SkippedModules = Readonly<Record<string, string>>;

const folder = fileURLToPath(new URL("./server/", import.meta.url));
/** The template is the first child of the keeper, which is the first of its pid namespace. */
const templateInnerPid = 2;
/** Where a run's init holds its folders; see `server/init.py`. */
const scratchDescriptor = 3;
const startDeadlineMs = 60_000;
const longestStderr = 8192;

export class ForkServer {
  /** Modules that its template could not import ahead; runs import them themselves, or fail to, as they would cold. */
  readonly skipped: SkippedModules;
  /** The server's user, where it is not this process's own. */
  readonly user: number | undefined;
  /** Runs forked so far. */
  forks = 0;
  readonly #process: ServerProcess;
  readonly #runs = new Map<number, ForkedRun>();
  readonly #busy = new Set<number>();
  readonly #templatePid: number;

  private constructor(process: ServerProcess, templatePid: number, plan: ServerPlan, skipped: SkippedModules) {
    this.#process = process;
    this.user = plan.uids === undefined ? undefined : plan.user;
    this.#templatePid = templatePid;
    this.skipped = skipped;
    process.onRunEvent = (event) => this.#hear(event);
    void process.ended.then((message) => {
      for (const run of this.#runs.values()) {
        run.fail(`its fork server is no more: ${message}`);
        run.gone.reach();
      }
      this.#runs.clear();
    });
  }

  /**
   * Starts a server and resolves once its template has imported what it can.
   *
   * @param place puts a process into the server's own cgroup.
   * @throws OrchestratorError `SANDBOX_FAILURE` with what the server said.
   */
  static async start(plan: ServerPlan, place: (pid: number) => void): Promise<ForkServer> {
    const skipped: Record<string, string> = {};
    for (;;) {
      const preload = plan.preload.filter((name) => skipped[name] === undefined);
      const process = await ServerProcess.start({ ...plan, preload }, place);
      const preloaded = await process.preloaded;
      Object.assign(skipped, preloaded.skipped);
      const templatePid = outerPidOfChild(process.keeperPid, templateInnerPid);
      if (preloaded.threaded === null && templatePid !== undefined)
        return new ForkServer(process, templatePid, plan, skipped);
      await process.close();
      if (preloaded.threaded === null)
        throw new OrchestratorError("SANDBOX_FAILURE", "the template of a fork server is not to be seen in /proc");
      skipped[preloaded.threaded] = "it starts a thread when it is imported, beside which forking is not safe";
    }
  }

  get alive(): boolean {
    return this.#process.alive;
  }

  /** Resolves with the reason once the server is no more. */
  get ended(): Promise<string> {
    return this.#process.ended;
  }

  /**
   * Forks a run, locked in and with its driver booting.
   *
   * @param place puts a process into the run's own cgroup; called for each of the run's first two processes before they
   *   do anything.
   */
  async fork(order: ForkOrder, place: (pid: number) => void): Promise<ForkedRun> {
    const run = new ForkedRun(++this.forks);
    const channel = this.#process.listener.expect(run.id);
    this.#runs.set(run.id, run);
    try {
      if (!this.alive) run.fail("its fork server has ended");
      this.#process.send({ op: "prepare", id: run.id, secret: channel.secret, ...order });
      const initPid = this.#outerPid(this.#process.keeperPid, await run.init.reached);
      place(initPid);
      this.#process.send({ op: "enter", id: run.id });
      const runPid = this.#outerPid(this.#templatePid, await run.forked.reached);
      place(runPid);
      run.ends = openEnds(initPid, runPid);
      this.#process.send({ op: "go", id: run.id });
      run.ends = {
        ...run.ends,
        channel: await Promise.race([channel.socket, run.ready.reached.then(() => channel.socket)]),
      };
      await run.ready.reached;
      return run;
    } catch (error) {
      channel.cancel();
      this.kill(run);
      await run.gone.reached;
      run.closeEnds();
      throw error;
    }
  }

  /** Kills the run after so long, whatever this process is doing then. */
  arm(run: ForkedRun, milliseconds: number): void {
    this.#process.send({ op: "arm", id: run.id, ms: Number.isFinite(milliseconds) ? milliseconds : null });
  }

  kill(run: ForkedRun): void {
    this.#process.send({ op: "kill", id: run.id });
  }

  /** Whether somebody waits for the run: the program then goes on until the run's end is known. */
  setBusy(run: ForkedRun, busy: boolean): void {
    if (busy && this.#runs.has(run.id)) this.#busy.add(run.id);
    else this.#busy.delete(run.id);
    this.#process.setBusy(this.#busy.size > 0);
  }

  /** Kills everything in the server and resolves when it is gone. Idempotent. */
  close(): Promise<void> {
    return this.#process.close();
  }

  /** The same without waiting, for the end of the process. */
  killNow(): void {
    this.#process.killNow();
  }

  #hear(event: RunEvent): void {
    this.#runs.get(event.id)?.hear(event);
    if (event.event !== "gone") return;
    this.#runs.delete(event.id);
    this.#busy.delete(event.id);
    this.#process.setBusy(this.#busy.size > 0);
  }

  #outerPid(parent: number, inner: number): number {
    const pid = outerPidOfChild(parent, inner);
    if (pid === undefined) throw new OrchestratorError("SANDBOX_FAILURE", "a process of a warm sandbox died early");
    return pid;
  }
}

function openEnds(initPid: number, runPid: number) {
  const open = (path: string, flags: number) => openSync(path, flags | constants.O_NONBLOCK);
  const { O_RDONLY, O_WRONLY, O_DIRECTORY } = constants;
  const scratch = open(`/proc/${initPid}/fd/${scratchDescriptor}`, O_RDONLY | O_DIRECTORY);
  return {
    stdin: openPipe(open(`/proc/${runPid}/fd/0`, O_WRONLY), "write"),
    stdout: openPipe(open(`/proc/${runPid}/fd/1`, O_RDONLY), "read"),
    stderr: openPipe(open(`/proc/${runPid}/fd/2`, O_RDONLY), "read"),
    scratch,
  };
}

/** The server's processes and the line to them. */
class ServerProcess {
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
