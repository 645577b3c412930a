/** Starts sandboxes by forking them from warm servers: one server for each view, one fork for each sandbox. */
import { type Cgroup, createCgroup, detectCgroups } from "../../../../host/cgroup/index.js";
import { OrchestratorError } from "../../../../model/error.js";
import type { LaunchRecipe } from "../../../recipe.js";
import type { LaunchedSandbox, LaunchOptions, SandboxLauncher } from "../../../run/launched.js";
import { describeEnforcement } from "../enforcement.js";
import { makeRunCgroup, watchedLimits } from "../run-limits.js";
import { runsAsOwnUser, runUsers } from "../run-users.js";
import { ForkServer } from "./fork-server.js";
import type { ForkedRun } from "./forked-run.js";
import { ForkedSandbox } from "./forked-sandbox.js";
import { prepareKeeperFiles } from "./keeper-files.js";
import { makeOrder, makePlan, serverKey } from "./make-plan.js";
import { type ServerLease, ServerPool, type ServerPoolOptions } from "./server-pool.js";

export interface ForkLauncherOptions extends ServerPoolOptions {
  /** Bytes that a server may use for itself, where a cgroup holds them. */
  readonly serverMemoryBytes: number;
}

/** The run's init stays in the group of the server. */
const processesOfTheWall = 0;
/** Where there are no cgroups the run waits all the same, for its pid to be known. */
const noFiles = { lift: [], entry: null } as const;
/** boot, keeper, template, an init for each run, and runs that have not entered their own groups yet. */
const serverProcesses = 8192;

class ServerLost extends OrchestratorError {}

export class ForkLauncher implements SandboxLauncher<LaunchRecipe> {
  readonly #options: ForkLauncherOptions;
  readonly #servers: ServerPool;
  readonly #running = new Set<ForkedSandbox>();
  readonly #living = new Set<ForkServer>();
  readonly #givingBack = new Set<Promise<void>>();
  /** Cgroups of runs that are gone. */
  readonly #emptied = new Set<Cgroup>();

  constructor(options: ForkLauncherOptions) {
    this.#options = options;
    this.#servers = new ServerPool(options);
  }

  async launch(recipe: LaunchRecipe, options: LaunchOptions = {}): Promise<LaunchedSandbox> {
    try {
      return await this.#forkFrom(await this.#lease(recipe), recipe, options);
    } catch (error) {
      if (!(error instanceof ServerLost)) throw error;
      // It died under this fork, of whatever: the next one is new.
      return await this.#forkFrom(await this.#lease(recipe), recipe, options);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((sandbox) => sandbox.dispose()));
    await this.#servers.close();
    await Promise.all(this.#givingBack);
  }

  /** At the end of the process: nothing may be left, and nobody can be waited for. */
  killNow(): void {
    for (const server of this.#living) server.killNow();
    // What is empty is removed before the first wait.
    for (const cgroup of this.#emptied) void cgroup.destroy().catch(() => {});
  }

  /** One that died since it was last used is replaced; a second failure is the caller's to know. */
  async #lease(recipe: LaunchRecipe): Promise<ServerLease> {
    const key = serverKey(recipe);
    const start = () => this.#startServer(recipe);
    try {
      return await this.#servers.use(key, start);
    } catch {
      return await this.#servers.use(key, start);
    }
  }

  async #startServer(recipe: LaunchRecipe): Promise<ForkServer> {
    const users = runsAsOwnUser() ? runUsers() : undefined;
    const user = users?.take() ?? process.getuid!();
    const group = users === undefined ? process.getgid!() : user;
    const uids = users === undefined ? undefined : { first: users.first, count: users.count };
    const cgroup = this.#makeServerCgroup();
    const giveBack = () => {
      users?.release(user);
      if (cgroup !== undefined) this.#await(cgroup.destroy());
    };
    try {
      const plan = makePlan(recipe, { user, group, uids });
      const server = await ForkServer.start(plan, (pid) => cgroup?.add(pid));
      this.#living.add(server);
      void server.ended.then(() => {
        this.#living.delete(server);
        giveBack();
      });
      return server;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** In a later turn of the loop: whoever waits for the run hears of its end before that. */
  async #giveBack(run: ForkedRun, cgroup: Cgroup | undefined, releaseUser: () => void): Promise<void> {
    await run.gone.reached;
    releaseUser();
    await cgroup?.destroy().finally(() => this.#emptied.delete(cgroup));
  }

  /** Lets `close` wait for it. */
  #await(work: Promise<unknown>): void {
    const ended = work.then(
      () => {},
      () => {},
    );
    this.#givingBack.add(ended);
    void ended.then(() => this.#givingBack.delete(ended));
  }

  #makeServerCgroup(): Cgroup | undefined {
    const support = detectCgroups();
    if (support.version === "none") return undefined;
    return createCgroup({
      name: "warm-server",
      ...(support.memory.usable ? { memoryBytes: this.#options.serverMemoryBytes } : {}),
      ...(support.pids.usable ? { pids: serverProcesses } : {}),
    });
  }

  async #forkFrom(lease: ServerLease, recipe: LaunchRecipe, options: LaunchOptions): Promise<LaunchedSandbox> {
    try {
      return await this.#fork(recipe, lease, options);
    } catch (error) {
      lease.release();
      if (lease.server.alive) throw error;
      throw new ServerLost("SANDBOX_FAILURE", (error as Error).message, { cause: error });
    }
  }

  async #fork(recipe: LaunchRecipe, lease: ServerLease, { hurried = false }: LaunchOptions): Promise<LaunchedSandbox> {
    const users = runsAsOwnUser() ? runUsers() : undefined;
    const uid = users?.take() ?? process.getuid!();
    const gid = users === undefined ? process.getgid!() : uid;
    let cgroup: Cgroup | undefined;
    try {
      // Where it has to be ended, its init is killed.
      cgroup = makeRunCgroup(recipe, { processesOfTheWall, ends: false });
      const files = cgroup === undefined ? noFiles : prepareKeeperFiles(cgroup, lease.server.user);
      const entering =
        files.entry === null
          ? { place: async (pid: number) => cgroup?.addMeanwhile(pid) }
          : { members: () => cgroup!.ownPids() };
      const run = await lease.server.fork(makeOrder(recipe, { uid, gid, rehearse: !hurried, ...files }), entering);
      const sandbox: ForkedSandbox = new ForkedSandbox({
        server: lease.server,
        run,
        cgroup,
        enforcement: describeEnforcement(recipe),
        watched: watchedLimits(recipe),
        roots: run.roots,
        release: () => {
          this.#running.delete(sandbox);
          if (cgroup !== undefined) this.#emptied.add(cgroup);
          this.#await(this.#giveBack(run, cgroup, () => users?.release(uid)).finally(() => lease.release()));
        },
      });
      this.#running.add(sandbox);
      return sandbox;
    } catch (error) {
      await cgroup?.destroy().catch(() => {});
      users?.release(uid);
      throw error;
    }
  }
}
