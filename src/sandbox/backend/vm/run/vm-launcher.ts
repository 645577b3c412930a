/** Starts sandboxes by restoring a snapshot of a guest that waits at its gate. */
import { LineSandbox } from "../../../line/line-sandbox.js";
import type { LaunchRecipe } from "../../../recipe.js";
import type { LaunchedSandbox, Recipe, SandboxLauncher } from "../../../run/launched.js";
import type { Accelerator } from "../accelerator.js";
import { describeVmEnforcement } from "../enforcement.js";
import type { VmImage } from "../image/image-store.js";
import { Machine } from "../machine/machine.js";
import { guestMemoryMebibytes } from "../memory.js";
import { makeGuestPlan } from "../plan.js";
import { qemuVersion } from "../qemu-version.js";
import { type SnapshotRecipe, type SnapshotStore, snapshotKey } from "../snapshot/snapshot-store.js";
import { Guest } from "./guest.js";

/** Everything that decides what a guest is, with the limits that it is told when it is restored. */
export interface VmRecipe extends Recipe {
  readonly snapshotKey: string;
  readonly snapshot: SnapshotRecipe;
  readonly launch: LaunchRecipe;
  /** Socket of the proxy of allowed domains, which each sandbox has for itself and which is no part of what a guest is. */
  readonly proxySocket: string | undefined;
}

/** The recipe of guests that do what `launch` says of a process sandbox. */
export async function makeVmRecipe(launch: LaunchRecipe, image: VmImage, accelerator: Accelerator): Promise<VmRecipe> {
  const { memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes } = launch.limits;
  const snapshot: SnapshotRecipe = {
    image,
    accelerator,
    memoryMebibytes: guestMemoryMebibytes(memoryBytes),
    qemuVersion: await qemuVersion(),
    plan: makeGuestPlan(launch),
  };
  const key = snapshotKey(snapshot);
  const told = [memoryBytes, cpuQuotaMicros, processes, fileSizeBytes, openFiles, diskBytes, inodes];
  const proxy = launch.mounts.find((mount) => mount.type === "socket");
  return { key: `${key}:${told.join(":")}`, snapshotKey: key, snapshot, launch, proxySocket: proxy?.source };
}

/** A launcher whose sandboxes have their way to the proxy when they are handed out. */
export function connected(launcher: SandboxLauncher<VmRecipe>): SandboxLauncher<VmRecipe> {
  return {
    async launch(recipe) {
      const sandbox = await launcher.launch(recipe);
      if (recipe.proxySocket !== undefined) sandbox.connectProxy?.(recipe.proxySocket);
      return sandbox;
    },
    close: () => launcher.close(),
  };
}

export class VmLauncher implements SandboxLauncher<VmRecipe> {
  readonly #store: SnapshotStore;
  readonly #running = new Set<LineSandbox>();

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
    const machine = await Machine.start({ files, accelerator, memoryMebibytes });
    const guest = new Guest(machine);
    const sandbox: LineSandbox = new LineSandbox({
      backend: "vm",
      partner: guest,
      enforcement: describeVmEnforcement(snapshot.plan.proxyPort !== null),
      onDisposed: () => this.#running.delete(sandbox),
    });
    this.#running.add(sandbox);
    try {
      await guest.go(sandbox, launch.limits);
      return sandbox;
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
  }
}
