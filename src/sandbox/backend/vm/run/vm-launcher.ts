/** Starts sandboxes by restoring a snapshot of a guest that waits at its gate. */

import type { LaunchRecipe } from "../../../recipe.js";
import type { LaunchedSandbox, Recipe, SandboxLauncher } from "../../../run/launched.js";
import { describeVmEnforcement } from "../enforcement.js";
import { Machine } from "../machine/machine.js";
import { mostMemory } from "../memory.js";
import type { SnapshotRecipe, SnapshotStore } from "../snapshot/snapshot-store.js";
import { VmSandbox } from "./vm-sandbox.js";

/** Everything that decides what a guest is, with the limits that it is told when it is restored. */
export interface VmRecipe extends Recipe {
  readonly snapshotKey: string;
  readonly snapshot: SnapshotRecipe;
  readonly launch: LaunchRecipe;
}

export class VmLauncher implements SandboxLauncher<VmRecipe> {
  readonly #store: SnapshotStore;
  readonly #running = new Set<VmSandbox>();

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  async launch(recipe: VmRecipe): Promise<LaunchedSandbox> {
    await this.prepare(recipe);
    try {
      return await this.#restore(recipe);
    } catch {
      // A state that was cut short or damaged: made anew, once.
      this.#store.discard(recipe.snapshotKey);
      return await this.#restore(recipe);
    }
  }

  /** Makes the snapshot where there is none: a boot, which no run's time limit pays for. */
  async prepare(recipe: VmRecipe): Promise<void> {
    await this.#store.snapshot(recipe.snapshotKey, recipe.snapshot);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((sandbox) => sandbox.dispose()));
  }

  async #restore({ snapshot, snapshotKey, launch }: VmRecipe): Promise<LaunchedSandbox> {
    const { state, initrd } = await this.#store.snapshot(snapshotKey, snapshot);
    const { image, accelerator, memoryMebibytes } = snapshot;
    const files = { disk: image.disk, kernel: image.kernel, initrd, state };
    const machine = await Machine.start({
      files,
      accelerator,
      memoryMebibytes,
      ...mostMemory(launch.limits.memoryBytes),
    });
    const sandbox: VmSandbox = new VmSandbox({
      machine,
      limits: launch.limits,
      enforcement: describeVmEnforcement(),
      setCpuQuota: (micros) => machine.setCpuQuota(micros),
      onDisposed: () => this.#running.delete(sandbox),
    });
    this.#running.add(sandbox);
    try {
      await sandbox.go();
      return sandbox;
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
  }
}
