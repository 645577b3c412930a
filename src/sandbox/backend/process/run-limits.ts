/** How the limits of a recipe are held on this host: what cold and warm starts do alike. */
import { readFileSync } from "node:fs";
import { type Cgroup, createCgroup, detectCgroups } from "../../../host/cgroup/index.js";
import { OrchestratorError } from "../../../model/error.js";
import type { LaunchRecipe } from "../../recipe.js";
import type { TreeWatchLimits } from "./tree-watch.js";

/**
 * The cgroup of a run, or `undefined` where none can be made.
 *
 * @param wall.processesOfTheWall processes that the code's own limit does not count.
 * @param wall.ends whether the group has to be able to end what is in it.
 */
export function makeRunCgroup(
  recipe: LaunchRecipe,
  wall: { readonly processesOfTheWall: number; readonly ends: boolean },
): Cgroup | undefined {
  const support = detectCgroups();
  if (support.version === "none") return undefined;
  const { memoryBytes, cpuQuotaMicros, processes } = recipe.limits;
  try {
    return createCgroup({
      name: `sandbox-${recipe.language.name}`,
      ends: wall.ends,
      ...(support.memory.usable ? { memoryBytes } : {}),
      ...(support.cpu.usable ? { cpuQuotaMicroseconds: cpuQuotaMicros } : {}),
      ...(support.pids.usable ? { pids: processes + wall.processesOfTheWall } : {}),
    });
  } catch (error) {
    throw new OrchestratorError("SANDBOX_FAILURE", `failed to make a cgroup: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** What no cgroup holds here, and a watch has to. */
export function watchedLimits(recipe: LaunchRecipe): TreeWatchLimits {
  const { memory, cpu } = detectCgroups();
  return {
    memoryBytes: memory.usable ? undefined : recipe.limits.memoryBytes,
    cpuQuotaMicros: cpu.usable ? undefined : recipe.limits.cpuQuotaMicros,
  };
}

/**
 * Private memory of each process, where no cgroup holds the memory of all: a second hand for what is watched, which
 * refuses a single large demand at once. Node's heap would not start under it.
 */
export function dataLimitBytes(recipe: LaunchRecipe): number | undefined {
  if (detectCgroups().memory.usable || recipe.language.name === "javascript") return undefined;
  return recipe.limits.memoryBytes;
}

/** Processes of the user inside, where no cgroup counts them. */
export function userProcessLimit(recipe: LaunchRecipe): number | undefined {
  return detectCgroups().pids.usable ? undefined : recipe.limits.processes;
}

/** Descriptor of the channel: beyond what the code may open, so that neither scanning nor closing descriptors meets it. */
export function channelDescriptorBeyond(openFiles: number): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
  const limit = hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
  const wanted = Math.max(1000, openFiles);
  return wanted < limit ? wanted : Math.min(openFiles, limit) - 1;
}
