/** What a fork server is told, as it goes over the line: at its start, and for each run. */
import type { Mount } from "../../../recipe.js";
import type { KeeperFiles } from "./keeper-files.js";

/** A mount, or a small file whose content comes with the plan. */
export type ServerMount = Mount | { readonly type: "file"; readonly target: string; readonly content: string };

export interface ServerPlan {
  readonly interpreter: string;
  readonly mounts: readonly ServerMount[];
  /** Empty folders of the root, over which each run gets its own. */
  readonly folders: readonly string[];
  /** The server's own user. */
  readonly user: number;
  readonly group: number;
  /** Users that the supervisor may give to runs, the server's own among them; `undefined` where it may give none but its own. */
  readonly uids: { readonly first: number; readonly count: number } | undefined;
  /** The command of a cold start. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly template: TemplateSettings;
  readonly preload: readonly string[];
}

export interface TemplateSettings {
  readonly driver: string;
  readonly driverSource: string;
  readonly workFolder: string;
  readonly insideUser: number;
  readonly insideGroup: number;
  readonly landlock: boolean;
  /** Classic BPF, in hex. */
  readonly seccomp: string;
  /** Folders that Landlock lets be written. */
  readonly writable: readonly string[];
  /** Programs of the engine's own that are run once before anything is forked. */
  readonly rehearsals: readonly string[];
  /** The same, run by each run before its job comes. */
  readonly refreshers: readonly string[];
}

export interface ForkOrder extends KeeperFiles {
  /** The run's own user; the server's where there is only one. */
  readonly uid: number;
  readonly gid: number;
  /** Whether it does a small job for nobody while it waits for its own. */
  readonly rehearse: boolean;
  readonly hostname: string;
  /** Descriptor of the channel inside. */
  readonly channel: number;
  readonly diskBytes: number;
  readonly inodes: number;
  /** Name on the scratch file system, mode, place in the root. */
  readonly writableFolders: readonly (readonly [name: string, mode: number, target: string])[];
  readonly rlimits: Readonly<Record<string, number>>;
}
