/**
 * Snapshots of machines that wait at their gate: one for each kind of sandbox, made once and restored for each run.
 *
 * A snapshot is a folder whose name is a digest of everything that decides what is in it (disk, kernel, first root,
 * QEMU and its arguments, memory, plan), so that nothing has to be invalidated: what changes gets another name. It is made under a lock between processes, in a folder beside
 * its place, and moved there when it is whole. What nobody has used for long is swept.
 */
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  createWriteStream,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { OrchestratorError } from "../../../../model/error.js";
import { supervisorFolder } from "../../process/supervisor-folder.js";
import type { Accelerator } from "../accelerator.js";
import type { VmImage } from "../image/image-store.js";
import { Machine, orEnd, saveState } from "../machine/machine.js";
import type { GuestPlan } from "../plan.js";
import { isDead, ownIdentity, withFileLock } from "./file-lock.js";
import { makeInitrd } from "./initrd.js";
import { LeanState } from "./lean-state.js";

export interface SnapshotRecipe {
  readonly image: VmImage;
  readonly accelerator: Accelerator;
  readonly memoryMebibytes: number;
  readonly qemuVersion: string;
  readonly plan: GuestPlan;
}

/** Files that a machine is restored from. */
export interface Snapshot {
  readonly state: string;
  readonly initrd: string;
}

/** Booting, importing and saving under emulation takes a minute at worst on a busy machine. */
const makeDeadlineMs = 300_000;
const keptMs = 14 * 86_400_000;
const mostKept = 32;
/**
 * How far behind the guest's clock is when it is saved. It is set right when it is restored, and to OpenSSL's generator
 * of random numbers so long a time is the reason to take fresh entropy before its next use.
 */
const behindMs = 86_400_000;

let counter = 0;

export function snapshotKey(recipe: SnapshotRecipe): string {
  const { image, accelerator, memoryMebibytes, qemuVersion, plan } = recipe;
  const shape = [4, image.digest, accelerator.name, accelerator.arguments, memoryMebibytes, qemuVersion, plan];
  return createHash("sha256").update(JSON.stringify(shape)).update(makeInitrd(image)).digest("hex").slice(0, 40);
}

export class SnapshotStore {
  readonly #folder: string;
  readonly #made = new Map<string, Promise<Snapshot>>();

  /** @param root the folder of images and snapshots. */
  constructor(root: string) {
    this.#folder = join(root, "snapshots");
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    this.#sweep();
  }

  /**
   * The snapshot of a recipe; made where there is none, which takes as long as a boot.
   *
   * @throws OrchestratorError `SANDBOX_FAILURE` with what the guest or QEMU said.
   */
  async snapshot(key: string, recipe: SnapshotRecipe): Promise<Snapshot> {
    const known = this.#made.get(key);
    if (known !== undefined) {
      const snapshot = await known;
      if (touch(snapshot.state)) return snapshot;
    }
    const made = this.#findOrMake(key, recipe);
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    return made;
  }

  /** Forgets and removes one that cannot be restored. */
  discard(key: string): void {
    this.#made.delete(key);
    rmSync(join(this.#folder, key), { recursive: true, force: true });
  }

  async #findOrMake(key: string, recipe: SnapshotRecipe): Promise<Snapshot> {
    const folder = join(this.#folder, key);
    const files = { state: join(folder, "state"), initrd: join(folder, "initrd") };
    const find = () => (touch(files.state) ? files : undefined);
    return (
      find() ??
      (await withFileLock(`${folder}.lock`, find, async () => {
        const building = join(this.#folder, `.building-${ownIdentity()}-${++counter}`);
        mkdirSync(building, { mode: 0o755 });
        try {
          await makeSnapshot(building, recipe);
          rmSync(folder, { recursive: true, force: true });
          renameSync(building, folder);
          return files;
        } finally {
          rmSync(building, { recursive: true, force: true });
        }
      }))
    );
  }

  #sweep(): void {
    const now = Date.now();
    const used: { readonly name: string; readonly at: number }[] = [];
    for (const name of readdirSync(this.#folder)) {
      const building = /^\.building-(\d+-\d+-\d+)-\d+$/.exec(name);
      if (building !== null && isDead(building[1]!)) this.#remove(name);
      if (!/^[0-9a-f]{40}$/.test(name)) continue;
      const at = statSync(join(this.#folder, name, "state"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      used.push({ name, at });
    }
    used.sort((left, right) => right.at - left.at);
    for (const [index, { name, at }] of used.entries()) if (index >= mostKept || now - at > keptMs) this.#remove(name);
  }

  #remove(name: string): void {
    rmSync(join(this.#folder, name), { recursive: true, force: true });
  }
}

/** Whether it is there; it was used now. */
function touch(path: string): boolean {
  try {
    const now = new Date();
    utimesSync(path, now, now);
    return true;
  } catch {
    return false;
  }
}

async function makeSnapshot(folder: string, recipe: SnapshotRecipe): Promise<void> {
  const { image, accelerator, memoryMebibytes } = recipe;
  const initrd = join(folder, "initrd");
  writeFileSync(initrd, makeInitrd(image), { mode: 0o644 });
  const receiver = await receiveState(join(folder, "state"));
  let machine: Machine | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const files = { disk: image.disk, kernel: image.kernel, initrd, saveTo: receiver.socket };
    machine = await Machine.start({ files, accelerator, memoryMebibytes });
    timer = setTimeout(() => machine?.breakOff(`it was not ready after ${makeDeadlineMs / 1000} s`), makeDeadlineMs);
    await orEnd(machine, "a guest could not be prepared", prepare(machine, recipe.plan));
    await orEnd(machine, "a snapshot could not be taken", saveState(machine));
    await receiver.received;
  } finally {
    clearTimeout(timer);
    await machine?.sandbox.dispose();
    receiver.close();
  }
}

/** Resolves once the agent has taken its plan as far as it goes without a job. */
function prepare(machine: Machine, plan: GuestPlan): Promise<void> {
  return new Promise((resolve, reject) => {
    machine.onFrame = ({ kind, payload }) => {
      if (kind === "H") machine.send("P", JSON.stringify({ ...plan, time: Date.now() - behindMs }));
      else if (kind === "P") resolve();
      else if (kind === "F" || kind === "E")
        reject(new OrchestratorError("SANDBOX_FAILURE", `a guest could not be prepared: ${payload.toString("utf8")}`));
    };
  });
}

/** Takes what QEMU saves by a socket: QEMU itself may write no file. */
async function receiveState(path: string): Promise<{ socket: string; received: Promise<void>; close(): void }> {
  // QEMU's own user must be able to walk here and connect, and nobody else may know the name: what comes is believed.
  const folder = join(supervisorFolder().path, `save-${++counter}`);
  mkdirSync(folder);
  chmodSync(folder, 0o711);
  const socket = join(folder, randomBytes(12).toString("hex"));
  const server = createServer();
  const received = new Promise<void>((resolve, reject) => {
    server.once("connection", (connection) => {
      server.close();
      const written = pipeline(connection, new LeanState(), createWriteStream(path, { mode: 0o644 }));
      written.then(resolve, reject);
    });
  });
  received.catch(() => {});
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
  chmodSync(socket, 0o666);
  const close = () => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { socket, received, close };
}
