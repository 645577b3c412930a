/**
 * The one place where the executor meets concrete runners. A runner's module is loaded and its runner made when the first
 * attempt needs it, so that a program that runs functions pays for no thread, process or sandbox.
 */
import type { TaskCacheOptions } from "../model/cache.js";
import type { Problem } from "../model/error.js";
import { repeatedTask } from "../model/graph.js";
import type { Task } from "../model/task.js";
import type { CodeWork, DescribedWork } from "../model/work.js";
import type { OpenBackend } from "../port/backend.js";
import type { ServingCache } from "../port/cache-store.js";
import type { Clock } from "../port/clock.js";
import type { AttemptInterceptor } from "../port/interceptor.js";
import type { JournalRequest, RunJournal } from "../port/journal.js";
import type { LimitEnforcement, Runner } from "../port/runner.js";
import type { ResolvedConfig } from "./config.js";

/** What holds a limit of the attempts of one runner. */
export interface RunnerEnforcement extends LimitEnforcement {
  /** The kind of work that the runner carries out. */
  readonly runner: DescribedWork["kind"];
}

/** Opens a run's journal. Its module is loaded when the first run asks for it. */
export async function openJournal(request: JournalRequest): Promise<RunJournal> {
  return (await import("../journal/open-journal.js")).openJournal(request);
}

async function makeInterceptor(cache: ServingCache | TaskCacheOptions): Promise<AttemptInterceptor> {
  const { makeCachedAttempts } = await import("../optimize/cached-attempts.js");
  return makeCachedAttempts(cache, async (work) => (await import("../runner/sandbox.js")).describeCode(work));
}

type MakeRunner = (config: ResolvedConfig, clock: Clock) => Promise<Runner>;

const makers: Readonly<Record<DescribedWork["kind"], MakeRunner>> = {
  batch: async ({ features: { batchSize, gather } }, clock) =>
    new (await import("../optimize/batch/batch-runner.js")).BatchRunner({ batchSize, gather, clock }),
  thread: async (config) => new (await import("../runner/thread/thread-runner.js")).ThreadRunner(workersOf(config)),
  process: async (config) => new (await import("../runner/process/process-runner.js")).ProcessRunner(workersOf(config)),
  command: async () => new (await import("../runner/command/command-runner.js")).CommandRunner(),
  code: async ({ limits, features: { keepWarm } }) =>
    new (await import("../runner/sandbox.js")).SandboxRunner({ maxConcurrent: limits.slots, keepWarm }),
};

/** The runner of a kind whose attempts are carried out on other machines. */
function remoteRunner(kind: DescribedWork["kind"], backend: OpenBackend): Runner {
  return {
    kind,
    start: (request, listener) => backend.start(request, listener),
    // Each machine holds what its own attempts declared.
    enforcement: () => [],
    close: () => backend.close(),
  };
}

function workersOf({ maxWorkers, features: { keepWarm } }: ResolvedConfig) {
  return { maxWorkers, minWorkers: keepWarm ? maxWorkers : 0 };
}

function codeOf(run: Task["run"]): CodeWork | undefined {
  return typeof run === "object" && run.kind === "code" ? run : undefined;
}

export class RunnerSet {
  readonly #config: ResolvedConfig;
  readonly #clock: Clock;
  #backend: Promise<OpenBackend> | undefined;
  #openBackend: OpenBackend | undefined;
  readonly #loading = new Map<string, Promise<Runner>>();
  readonly #runners = new Map<string, Runner>();
  #interceptor: AttemptInterceptor | Promise<AttemptInterceptor> | undefined;

  constructor(config: ResolvedConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Why work of this kind cannot be run, or `undefined` where it can. */
  refuse(kind: string): string | undefined {
    if (this.#config.mode !== "sandboxed" || kind === "code" || kind === "deferred") return undefined;
    const what = kind === "inline" ? "a function" : `${kind} work`;
    return `run: ${what} cannot be sandboxed, and the executor's mode is "sandboxed"; use code(), or mode "parallel"`;
  }

  /**
   * What is wrong with work that only its runner's own module can tell, of code in sandboxes; `undefined` where there is no
   * such work. Code that other machines run is checked there: they have languages of their own.
   */
  check(tasks: readonly Task[]): Promise<readonly Problem[]> | undefined {
    if (this.#config.backend?.kinds.includes("code")) return undefined;
    const coded = tasks.filter(({ run, id }) => codeOf(repeatedTask({ id, run })?.run ?? run) !== undefined);
    return coded.length === 0 ? undefined : this.#checkCode(coded);
  }

  async #checkCode(tasks: readonly Task[]): Promise<readonly Problem[]> {
    const { codeProblems } = await import("../runner/sandbox.js");
    return tasks.flatMap((task) => {
      const { run, sandbox } = repeatedTask(task) ?? task;
      const work = codeOf(run)!;
      return codeProblems(work, { ...this.#config.sandbox, ...work.sandbox, ...sandbox }).map(({ where, message }) => ({
        where: `task ${task.id}`,
        message: `${where}: ${message}`,
      }));
    });
  }

  /** The runner of a kind of work, at once where it is loaded. */
  get(kind: string): Runner | Promise<Runner> {
    return this.#runners.get(kind) ?? this.#loading.get(kind) ?? this.#load(kind);
  }

  /** What serves attempts of tasks that are cached. */
  interceptor(): AttemptInterceptor | Promise<AttemptInterceptor> | undefined {
    if (this.#config.cache === false) return undefined;
    this.#interceptor ??= makeInterceptor(this.#config.cache).then((made) => {
      this.#interceptor = made;
      return made;
    });
    return this.#interceptor;
  }

  /** Starts what will carry out these tasks, where that is to be kept warm; a failure is told by the attempts that need it. */
  prestart(tasks: readonly Task[]): void {
    if (!this.#config.features.keepWarm) return;
    for (const { run } of tasks)
      if (typeof run === "object" && run.kind !== "deferred") void Promise.resolve(this.get(run.kind)).catch(() => {});
  }

  /** What holds the limits of attempts, by the runners that are in use. */
  enforcement(): readonly RunnerEnforcement[] {
    return [...this.#runners.values()].flatMap((runner) =>
      runner.enforcement().map((held) => ({ runner: runner.kind, ...held })),
    );
  }

  /** Nothing of this run will be started any more. */
  runEnded(runId: string): void {
    this.#openBackend?.runEnded(runId);
  }

  async close(): Promise<void> {
    const runners = await Promise.allSettled(this.#loading.values());
    await Promise.all(runners.map((loaded) => (loaded.status === "fulfilled" ? loaded.value.close() : undefined)));
    await (await this.#interceptor)?.close();
  }

  #load(kind: string): Promise<Runner> {
    const loading = this.#make(kind as DescribedWork["kind"]).then((runner) => {
      this.#runners.set(kind, runner);
      return runner;
    });
    this.#loading.set(kind, loading);
    // What could not be had once may be had when the next attempt asks.
    loading.catch(() => this.#loading.delete(kind));
    return loading;
  }

  async #make(kind: DescribedWork["kind"]): Promise<Runner> {
    const { backend } = this.#config;
    if (backend === undefined || !backend.kinds.includes(kind)) return makers[kind](this.#config, this.#clock);
    this.#backend ??= backend.open();
    try {
      this.#openBackend = await this.#backend;
    } catch (error) {
      this.#backend = undefined;
      throw error;
    }
    return remoteRunner(kind, this.#openBackend);
  }
}
