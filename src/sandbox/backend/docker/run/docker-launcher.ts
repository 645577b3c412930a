/** Starts sandboxes as containers, each of which has booted its driver when it is handed out. */
import { OrchestratorError } from "../../../../model/error.js";
import type { Enforcement } from "../../../../model/sandbox.js";
import { LineSandbox } from "../../../line/line-sandbox.js";
import type { LaunchedSandbox, Recipe, SandboxLauncher } from "../../../run/launched.js";
import { DaemonError, type DockerClient } from "../client/client.js";
import { type ContainerSettings, containerSpec } from "../container-spec.js";
import { Container } from "./container.js";

/** Everything that decides what a container is. */
export interface DockerRecipe extends Recipe {
  readonly settings: Omit<ContainerSettings, "command">;
  /** Of the agent, for a driver that starts as it is, and for one that first imports what the view allows. */
  readonly command: { readonly cold: readonly string[]; readonly warm: readonly string[] };
  readonly enforcement: readonly Enforcement[];
}

/** A container that is well has booted its driver in a second; on a busy machine, with a narrow quota, in many. */
const startDeadlineMs = 60_000;

export class DockerLauncher implements SandboxLauncher<DockerRecipe> {
  readonly #client: DockerClient;
  readonly #way: "cold" | "warm";
  readonly #running = new Set<LineSandbox>();
  /** Could not be removed when they were done with, because the daemon was away. */
  readonly #left = new Set<string>();

  constructor(client: DockerClient, way: "cold" | "warm") {
    this.#client = client;
    this.#way = way;
  }

  async launch({ settings, command, enforcement }: DockerRecipe): Promise<LaunchedSandbox> {
    void this.#removeLeft();
    const container = await this.#start({ ...settings, command: command[this.#way] });
    const sandbox: LineSandbox = new LineSandbox({
      backend: "docker",
      partner: container,
      enforcement,
      onDisposed: () => this.#running.delete(sandbox),
    });
    this.#running.add(sandbox);
    const ready = sandbox.nextFrame("C");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, startDeadlineMs, "late");
    });
    // One that ends before it is ready has a verdict all the same: its memory may have been too small for it.
    const outcome = await Promise.race([ready, sandbox.exited, late]);
    clearTimeout(timer);
    if (outcome !== "late") return sandbox;
    await sandbox.dispose();
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `a container could not be started: its driver was not ready within ${startDeadlineMs / 1000} s`,
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((sandbox) => sandbox.dispose()));
    await this.#removeLeft();
  }

  async #start(settings: ContainerSettings): Promise<Container> {
    const options = {
      spec: containerSpec(settings),
      cpuQuotaMicros: settings.limits.cpuQuotaMicros,
      onLeft: (id: string) => this.#left.add(id),
    };
    try {
      return await Container.start(this.#client, options);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw new OrchestratorError("SANDBOX_FAILURE", `a container could not be started: ${error.message}`, {
        cause: error,
      });
    }
  }

  async #removeLeft(): Promise<void> {
    for (const id of [...this.#left]) {
      this.#left.delete(id);
      await this.#client.removeContainer(id).catch(() => this.#left.add(id));
    }
  }
}
