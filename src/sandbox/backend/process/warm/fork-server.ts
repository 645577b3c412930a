/**
 * The supervisor's half of a fork server; the other half, and how both work, is in `server/boot.py`.
 *
 * A run is forked, enters its cgroup, locks itself in and boots its driver without a word from here, and then its pipes
 * are opened. Where it can't enter its cgroup itself it waits, once it is forked, until it was put there.
 * All of this is done ahead, for a spare.
 */
import { constants, openSync } from "node:fs";
import type { Socket } from "node:net";
import { OrchestratorError } from "../../../../model/error.js";
import { ForkedRun, openPipe, type RunEvent } from "./forked-run.js";
import { outerPidOfChild } from "./namespace-pids.js";
import type { ForkOrder, ServerPlan } from "./server-plan.js";
import { ServerProcess } from "./server-process.js";

/** A module that cannot be imported ahead, by name, with the reason. */
export type SkippedModules = Readonly<Record<string, string>>;

/** The template is the first child of the keeper, which is the first of its pid namespace. */
const templateInnerPid = 2;
/** Under the smallest CPU quota a fork takes a few seconds. */
const forkDeadlineMs = 30_000;
/** Where a run's init holds its folders; see `server/init.py`. */
const scratchDescriptor = 3;

interface SelfEntered {
  /** Pids of the processes in the cgroup. */
  members(): readonly number[];
}

export type RunGroup = { place(pid: number): Promise<void> } | SelfEntered;

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
   * Forks a run, locked in and with its driver waiting for a job.
   *
   * @param group how the run comes into its own cgroup: what puts it there before it does anything, or, where it enters it
   *   itself, what then tells who is in it.
   */
  async fork(order: ForkOrder, group: RunGroup): Promise<ForkedRun> {
    const run = new ForkedRun(++this.forks);
    const channel = this.#process.listener.expect(run.id);
    this.#runs.set(run.id, run);
    const late = `it was not ready after ${forkDeadlineMs / 1000} s`;
    const timer = setTimeout(() => run.fail(late), forkDeadlineMs).unref();
    try {
      if (!this.alive) run.fail("its fork server has ended");
      this.#process.send({ op: "prepare", id: run.id, secret: channel.secret, ...order });
      void channel.opened.then(({ socket }) => onFirstWord(socket, () => run.begin()));
      let runPid: number | undefined;
      if ("place" in group) {
        runPid = this.#outerPid(this.#templatePid, await run.forked.reached);
        await group.place(runPid);
        this.#process.send({ op: "go", id: run.id });
      }
      await run.ready.reached;
      const { socket, init } = await channel.opened;
      run.ends = { channel: socket };
      const initPid = this.#outerPid(this.#process.keeperPid, init);
      runPid ??= sole((group as SelfEntered).members());
      run.roots = [initPid, runPid];
      run.ends = { ...openEnds(initPid, runPid), channel: socket };
      return run;
    } catch (error) {
      channel.cancel();
      this.kill(run);
      await run.gone.reached;
      run.closeEnds();
      throw error;
    } finally {
      clearTimeout(timer);
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

/** Not where it ends without a word: how the run ended is told by others. */
function onFirstWord(socket: Socket, call: () => void): void {
  const look = () => {
    if (socket.readableLength === 0 && !socket.readableEnded && !socket.destroyed) return;
    socket.off("readable", look);
    if (socket.readableLength > 0) call();
  };
  socket.on("readable", look);
  look();
}

/** Nothing but the run itself is in its cgroup before its job has come. */
function sole(pids: readonly number[]): number {
  if (pids.length !== 1) throw new OrchestratorError("SANDBOX_FAILURE", "a process of a warm sandbox died early");
  return pids[0]!;
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
