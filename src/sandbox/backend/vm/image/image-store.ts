/** Where images of guests and snapshots lie, and what an image says of itself. */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Raised when what an image holds, or how, changes: older ones are then built anew. */
export const imageFormat = 1;
export const defaultImageName = "default";

/** What `image.json` holds. */
export interface VmImageDescription {
  readonly format: number;
  readonly architecture: "x64";
  readonly kernelVersion: string;
  /** Modules in the order in which they are loaded. */
  readonly modules: readonly string[];
  /** Version of every Debian package on the disk, by name. */
  readonly packages: Readonly<Record<string, string>>;
  /** Paths that were asked for besides packages. */
  readonly include: readonly string[];
  /** SHA-256 over disk, kernel, modules and busybox, in hex. */
  readonly digest: string;
}

export interface VmImage extends VmImageDescription {
  readonly name: string;
  readonly folder: string;
  readonly disk: string;
  readonly kernel: string;
}

/**
 * The folder of all images and snapshots: for root `/var/cache/orchestrator-executor/vm`, where the users of runs can
 * walk to, for others `orchestrator-executor/vm` in the cache folder of the user (`XDG_CACHE_HOME`, `~/.cache`).
 * `ORCHESTRATOR_VM_FOLDER` names another.
 */
export function vmFolder(): string {
  const named = process.env.ORCHESTRATOR_VM_FOLDER;
  const root = process.getuid?.() === 0 ? "/var/cache" : (process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"));
  const folder = named === undefined || named === "" ? join(root, "orchestrator-executor", "vm") : named;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

export function imageFolder(name: string, folder: string = vmFolder()): string {
  return join(folder, "images", name);
}

export type FoundImage = VmImage | { readonly missing: string; readonly remedy: string };

/** The image of a name, or why there is none that can be used and what to do. */
export function findImage(name: string, root: string = vmFolder()): FoundImage {
  const folder = imageFolder(name, root);
  const option = name === defaultImageName ? "" : ` --name ${name}`;
  const remedy = `build it: orchestrator images build --vm${option}`;
  let description: VmImageDescription;
  try {
    description = JSON.parse(readFileSync(join(folder, "image.json"), "utf8")) as VmImageDescription;
  } catch {
    return { missing: `there is no image "${name}" of a virtual machine in ${join(root, "images")}`, remedy };
  }
  if (description.format !== imageFormat)
    return { missing: `the image "${name}" was built by another version of this package`, remedy };
  const image = { ...description, name, folder, disk: join(folder, "disk.img"), kernel: join(folder, "vmlinuz") };
  for (const path of [image.disk, image.kernel])
    if (statSync(path, { throwIfNoEntry: false }) === undefined)
      return { missing: `the image "${name}" is damaged: ${path} is missing`, remedy };
  return image;
}
