/** From a recipe to what a fork server is told: the same root, command and environment as a cold start has. */
import { createHash } from "node:crypto";
import { driverFolder, insideUser, type LaunchRecipe, writableFolders } from "../../../recipe.js";
import { channelDescriptorBeyond, dataLimitBytes, userProcessLimit } from "../run-limits.js";
import type { KeeperFiles } from "./keeper-files.js";
import type { ForkOrder, ServerPlan } from "./server-plan.js";

/**
 * Modules of the standard library that programs use most and that drivers need. What is imported ahead is importable
 * anyway, so this widens nothing; it only saves the time.
 */
const standardModules = [
  ...[
    "_ast",
    "abc",
    "argparse",
    "ast",
    "base64",
    "binascii",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "copy",
  ],
  ...["csv", "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools"],
  ...["json", "linecache", "math", "operator", "os", "pathlib", "pickle", "random", "re", "shutil", "statistics"],
  ...["string", "struct", "subprocess", "tempfile", "textwrap", "threading", "time", "traceback", "types", "typing"],
  ...["unicodedata", "uuid", "zlib"],
];

/** Parts of packages that are needed nearly always and that importing the package does not load. */
const usualParts: Readonly<Record<string, readonly string[]>> = {
  matplotlib: ["matplotlib.pyplot"],
  numpy: ["numpy.random", "numpy.linalg", "numpy.fft"],
  PIL: ["PIL.Image"],
  scipy: ["scipy.stats", "scipy.optimize"],
};

/**
 * What programs do first with a package, done once in the template: libraries build tables and import parts of
 * themselves at their first use. Nothing that draws random numbers, opens files or leaves anything behind.
 */
const rehearsals: Readonly<Record<string, string>> = {
  numpy: "import numpy\nrepr(numpy.arange(4).reshape(2, 2).dot([1, 2]).mean())",
  pandas: [
    "import pandas",
    "frame = pandas.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'x'], 'c': [0.5, 1.5, None]})",
    "repr(frame), repr(frame[['a', 'c']].sum()), repr(frame.describe()), repr(frame.groupby('b')['a'].sum())",
    "frame.merge(frame, on='b'), frame.sort_values('c'), frame[frame.a > 1].to_dict('records')",
    "frame.a.tolist(), frame.index.is_unique, frame.reset_index(), pandas.to_datetime(['2020-01-01'])",
  ].join("\n"),
};

/**
 * Small jobs that each run does for nobody while it waits for its own: after a fork the first use of each page of memory
 * is slow, and an interpreter writes wherever it looks. More than this would cost more than it saves.
 */
const plainRefresher = "result = {'a': [1, 2.5, None, 'text']}\nprint(end='')";
const refreshers: Readonly<Record<string, string>> = {
  pandas: "import pandas\nresult = pandas.DataFrame({'a': [1, 2]}).sum()",
};

/** Whether a fork server can make sandboxes of this recipe. */
export function canFork(recipe: LaunchRecipe): boolean {
  // A companion is started, and a socket bound, for one sandbox; who shares the host's network has it from outside.
  const plainMounts = recipe.mounts.every((mount) => mount.type !== "socket");
  return recipe.language.name === "python" && !recipe.shareNetwork && recipe.companions.length === 0 && plainMounts;
}

const serverKeys = new WeakMap<LaunchRecipe, string>();

/** Equal for recipes that one server can serve: they may differ in their limits. */
export function serverKey(recipe: LaunchRecipe): string {
  const known = serverKeys.get(recipe);
  if (known !== undefined) return known;
  const shape = [recipe.command, recipe.mounts, recipe.environment, recipe.preload];
  const key = createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, 32);
  serverKeys.set(recipe, key);
  return key;
}

export interface ServerUsers {
  readonly user: number;
  readonly group: number;
  readonly uids: ServerPlan["uids"];
}

export function makePlan(recipe: LaunchRecipe, users: ServerUsers): ServerPlan {
  const { interpreter, mounts, environment, language } = recipe;
  const driver = recipe.command.at(-1)!;
  const driverSource = language.driverFiles[driver.slice(driverFolder.length + 1)]!;
  const warming = warmingOf(recipe.preload);
  return {
    interpreter: interpreter.path,
    mounts,
    folders: Object.values(writableFolders),
    ...users,
    command: [...recipe.command, String(channelDescriptorBeyond(recipe.limits.openFiles))],
    environment,
    template: {
      driver,
      driverSource,
      workFolder: writableFolders.work,
      insideUser: insideUser.uid,
      insideGroup: insideUser.gid,
      landlock: true,
      seccomp: Buffer.from(recipe.seccomp).toString("hex"),
      writable: Object.values(writableFolders),
      rehearsals: warming.rehearsals,
      refreshers: [plainRefresher, ...recipe.preload.flatMap((name) => refreshers[name] ?? [])],
    },
    preload: warming.preload,
  };
}

/** What is imported ahead for the modules that a view gives, and what is rehearsed. */
export function warmingOf(modules: readonly string[]): {
  readonly preload: readonly string[];
  readonly rehearsals: readonly string[];
} {
  return {
    preload: [...standardModules, ...modules.flatMap((name) => [name, ...(usualParts[name] ?? [])])],
    rehearsals: modules.flatMap((name) => rehearsals[name] ?? []),
  };
}

/** Seconds of CPU that no run reaches, but a limit: what is unlimited could be set to anything. */
const longestCpuSeconds = 2_000_000;

type RunsOwn = "uid" | "gid" | "rehearse" | keyof KeeperFiles;

const commonOrders = new WeakMap<LaunchRecipe, Omit<ForkOrder, RunsOwn>>();

export function makeOrder(recipe: LaunchRecipe, run: Pick<ForkOrder, RunsOwn>): ForkOrder {
  const common = commonOrders.get(recipe) ?? commonOrder(recipe);
  commonOrders.set(recipe, common);
  return { ...run, ...common };
}

/** What orders of one recipe have in common. */
function commonOrder(recipe: LaunchRecipe): Omit<ForkOrder, RunsOwn> {
  const { diskBytes, inodes, openFiles, fileSizeBytes } = recipe.limits;
  const data = dataLimitBytes(recipe);
  const processes = userProcessLimit(recipe);
  return {
    hostname: "sandbox",
    channel: channelDescriptorBeyond(openFiles),
    diskBytes,
    // The three folders and the root of the file system are not the code's.
    inodes: inodes + 4,
    writableFolders: [
      ["work", 0o1777, writableFolders.work],
      ["tmp", 0o1777, writableFolders.temporary],
      ["shm", 0o1777, writableFolders.sharedMemory],
    ],
    rlimits: {
      RLIMIT_CORE: 0,
      RLIMIT_CPU: longestCpuSeconds,
      RLIMIT_FSIZE: fileSizeBytes,
      RLIMIT_MEMLOCK: 65_536,
      RLIMIT_NOFILE: openFiles,
      ...(data === undefined ? {} : { RLIMIT_DATA: data }),
      ...(processes === undefined ? {} : { RLIMIT_NPROC: processes }),
    },
  };
}
