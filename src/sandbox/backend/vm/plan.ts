/**
 * From the launch recipe of a process sandbox to what a guest's agent is told: the same root, command, environment and
 * filter, so that the wall inside a guest is the wall of the process sandbox, with a kernel of its own around it.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { insideProxy } from "../../network/attachment.js";
import { driverFolder, insideUser, type LaunchRecipe, writableFolders } from "../../recipe.js";
import { supervisorFolder } from "../process/supervisor-folder.js";
import { makePlan } from "../process/warm/make-plan.js";
import type { ServerMount } from "../process/warm/server-plan.js";

const guestFolder = fileURLToPath(new URL("./guest/", import.meta.url));
const serverFolder = fileURLToPath(new URL("../process/warm/server/", import.meta.url));

/** What the agent is told before the snapshot. It holds no limit, so that one snapshot serves them all. */
export interface GuestPlan {
  readonly mounts: readonly ServerMount[];
  readonly folders: readonly string[];
  readonly command: readonly string[];
  /** Whether the driver itself waits at the gate, once it is warm. */
  readonly gated: boolean;
  /** Port of the run's own loopback whose connections the agent passes to the host's proxy; `null`: there is none. */
  readonly proxyPort: number | null;
  readonly settings: {
    readonly mapped: true;
    readonly workFolder: string;
    readonly insideUser: number;
    readonly insideGroup: number;
    readonly landlock: boolean;
    readonly writable: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly seccomp: string;
  };
  readonly order: {
    readonly uid: number;
    readonly gid: number;
    readonly hostname: string;
    readonly channel: number;
    readonly diskBytes: number;
    readonly inodes: number;
    readonly writableFolders: readonly (readonly [name: string, mode: number, target: string])[];
    readonly rlimits: Readonly<Record<string, number>>;
  };
}

/** Descriptor of the gate at which a driver waits; the agent and `guest/warm.cjs` know it too. */
const gate = 7;
/** A user that nobody in the guest has; the code sees itself as `insideUser`. */
const guestUser = 30_000;
const longestCpuSeconds = 2_000_000;

export function makeGuestPlan(recipe: LaunchRecipe): GuestPlan {
  const warm = warmStart(recipe);
  const channel = channelBeyond(recipe.limits.openFiles);
  return {
    mounts: [...guestMounts(recipe), ...warm.files],
    folders: Object.values(writableFolders),
    command: [...warm.command, String(channel)],
    gated: warm.gated,
    proxyPort: recipe.waitForPorts[0] ?? null,
    settings: {
      mapped: true,
      workFolder: writableFolders.work,
      insideUser: insideUser.uid,
      insideGroup: insideUser.gid,
      landlock: true,
      writable: Object.values(writableFolders),
      environment: recipe.environment,
      seccomp: Buffer.from(recipe.seccomp).toString("hex"),
    },
    order: {
      uid: guestUser,
      gid: guestUser,
      hostname: "sandbox",
      channel,
      diskBytes: 64 * 2 ** 20,
      inodes: 16_384,
      writableFolders: [
        ["work", 0o1777, writableFolders.work],
        ["tmp", 0o1777, writableFolders.temporary],
        ["shm", 0o1777, writableFolders.sharedMemory],
      ],
      rlimits: { RLIMIT_CORE: 0, RLIMIT_CPU: longestCpuSeconds, RLIMIT_MEMLOCK: 65_536 },
    },
  };
}

/** Beyond what the code may open, and no further than it need be: a table of descriptors is copied at each fork. */
function channelBeyond(openFiles: number): number {
  return openFiles <= 1000 ? 1000 : 66_000;
}

/** The recipe's mounts with what lies on the host alone turned into small files of the plan. */
function guestMounts(recipe: LaunchRecipe): ServerMount[] {
  const folder = supervisorFolder();
  const roots = recipe.mounts.flatMap((mount) => (mount.type === "empty" ? [mount.target] : []));
  return recipe.mounts.flatMap((mount): ServerMount[] => {
    // The agent stands for the relay to the proxy's socket; see guest/network.py.
    if (mount.type === "socket") return [];
    if (mount.type !== "read-only") return [mount];
    if (mount.target === driverFolder)
      return Object.entries(recipe.language.driverFiles).map(([name, content]) => ({
        type: "file",
        target: `${driverFolder}/${name}`,
        content,
      }));
    if (mount.source === folder.etc) return [{ ...mount, source: "/etc" }];
    if (mount.source.startsWith(`${folder.path}/`) || mount.target === insideProxy.nodePreload)
      return [{ type: "file", target: mount.target, content: readFileSync(mount.source, "utf8") }];
    // A package that the disk lacks is an error; a library folder of another architecture is none.
    const isPackage = roots.some((root) => mount.target.startsWith(`${root}/`));
    return [isPackage ? mount : { ...mount, type: "read-only-try" }];
  });
}

interface WarmStart {
  readonly command: readonly string[];
  readonly files: readonly ServerMount[];
  readonly gated: boolean;
}

/** How much of a start is done before the snapshot: all but the driver's first job, or nothing where a language has no way to wait. */
function warmStart(recipe: LaunchRecipe): WarmStart {
  const { language, command } = recipe;
  const asset = (folder: string, name: string) => readFileSync(`${folder}${name}`, "utf8");
  const file = (target: string, content: string): ServerMount => ({ type: "file", target, content });
  const driver = command.at(-1)!;
  if (language.name === "python") {
    const { preload, template } = makePlan(recipe, { user: 0, group: 0, uids: undefined });
    const { rehearsals, refreshers } = template;
    const plan = JSON.stringify({ preload, rehearsals, refreshers, driver, gate });
    return {
      command: [...command.slice(0, -1), `${driverFolder}/warm.py`],
      files: [
        file(`${driverFolder}/warm.py`, asset(serverFolder, "warm.py")),
        file(`${driverFolder}/warm/warming.py`, asset(serverFolder, "warming.py")),
        file(`${driverFolder}/warm/plan.json`, plan),
      ],
      gated: true,
    };
  }
  if (language.name === "javascript")
    return {
      command: [...command.slice(0, -1), "--require", `${driverFolder}/warm.cjs`, driver],
      files: [file(`${driverFolder}/warm.cjs`, asset(guestFolder, "warm.cjs"))],
      gated: true,
    };
  return { command, files: [], gated: false };
}

/** What the agent is made of, by name. */
export function agentFiles(): ReadonlyMap<string, Buffer> {
  const read = (folder: string, names: readonly string[]) =>
    names.map((name): [string, Buffer] => [name, readFileSync(`${folder}${name}`)]);
  return new Map([
    ...read(guestFolder, ["agent.py", "files.py", "network.py", "wire.py"]),
    ...read(serverFolder, ["init.py", "init_program.py", "kernel.py", "landlock.py", "pages.py", "root.py", "run.py"]),
  ]);
}

/** The first program of a guest. */
export function guestInit(): Buffer {
  return readFileSync(`${guestFolder}init.sh`);
}
