/**
 * The launch recipe: everything that decides what a sandbox is, as plain data. Cold starts, warm starts and sessions
 * are made from the same recipe, so that they are the same wall.
 *
 * A package view and a network attachment are `RecipePart`s: mounts and variables that are added to the recipe.
 */
import type { Enforcement } from "../model/sandbox.js";
import type { ResolvedLimits } from "./config.js";
import type { Interpreter, Language } from "./language.js";
import type { Recipe } from "./run/launched.js";

/** One thing to be seen inside; later ones are laid over earlier ones. Paths are absolute; `target` is inside. */
export type Mount =
  /** A file or folder of the host, read-only, no devices, no set-uid. */
  | { readonly type: "read-only"; readonly source: string; readonly target: string }
  /** The same, left out where the host has no such thing. */
  | { readonly type: "read-only-try"; readonly source: string; readonly target: string }
  /** A folder with nothing in it, read-only: hides what is below. */
  | { readonly type: "empty"; readonly target: string }
  | { readonly type: "symlink"; readonly link: string; readonly target: string }
  /** A device of the host that can be used as far as the run's user may. */
  | { readonly type: "device"; readonly source: string; readonly target: string }
  /** A socket of the host that can be connected to (not read-only; a socket has no content). */
  | { readonly type: "socket"; readonly source: string; readonly target: string };

/** What a package view or a network attachment adds to a sandbox. */
export interface RecipePart {
  /** Tells one part from another: recipes with equal keys make equal sandboxes, so that a warm one can serve. */
  readonly key: string;
  readonly mounts: readonly Mount[];
  readonly environment: Readonly<Record<string, string>>;
  /** Commands that run inside beside the code, started before it by the driver's launcher: a relay to the proxy. */
  readonly companions?: readonly (readonly string[])[];
  /** Port of the sandbox's own loopback on which a companion listens: the driver starts once it does. */
  readonly waitForPort?: number;
  /** Python modules that a fork server may import ahead. They must be in the view anyway. */
  readonly preload?: readonly string[];
  /** What holds the network, where this part says. */
  readonly enforcement?: readonly Enforcement[];
  /** Gives back what the part holds on the host (a listening proxy). Called once, after the sandbox is gone. */
  close?(): Promise<void>;
}

export interface LaunchRecipe extends Recipe {
  readonly language: Language;
  readonly interpreter: Interpreter;
  readonly limits: ResolvedLimits;
  /** In order. `/proc`, `/dev` and the writable folders come from the launcher and are not listed. */
  readonly mounts: readonly Mount[];
  /** Everything that the first process inside finds in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the host's own network is shared: only for `networkDisabled: false` without `allowedDomains`. */
  readonly shareNetwork: boolean;
  readonly companions: readonly (readonly string[])[];
  readonly waitForPorts: readonly number[];
  /** Modules that a fork server may import ahead. */
  readonly preload: readonly string[];
  /** Classic BPF, as `struct sock_filter[]` in the host's byte order. */
  readonly seccomp: Uint8Array;
  /** Command inside that starts the driver. */
  readonly command: readonly string[];
}

/** Folders inside that can be written; all lie on one tmpfs that `diskLimit` and `inodeLimit` bound. */
export const writableFolders = {
  /** Working folder: the source of the code, input files, artifacts. */
  work: "/work",
  temporary: "/tmp",
  sharedMemory: "/dev/shm",
} as const;

/** The user inside, whatever the kernel's own uid is. */
export const insideUser = { uid: 1000, gid: 1000, name: "sandbox", home: writableFolders.temporary } as const;

/** Where a language's driver lies inside, read-only. */
export const driverFolder = "/run/driver";
