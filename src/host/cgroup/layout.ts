/**
 * In which directories groups are to be made on this host. Each controller has a parent directory of its own (v1) or
 * shares one (v2); `kill` is a v2 tree, with or without controllers, whose groups can be killed as one.
 *
 * Under v2 a group that holds processes cannot give controllers to its children ("no internal processes"). So the
 * parent is looked for in this order: the own group, if it already gives controllers or can be made to; the own group
 * after moving its processes into a leaf, if all of them belong to this process's own tree; the group above the own
 * one (a user's `app.slice` under systemd). Whether any of it truly works is proved by `detect.ts`, not here.
 */
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readProcessStat } from "../process-identity.js";
import { type ControllerName, controllerNames, readText } from "./controller.js";
import { type Hierarchy, readHierarchies } from "./hierarchy.js";

export interface ControllerPlace {
  readonly version: "v1" | "v2";
  /** Groups are made below this directory. */
  readonly parent: string;
}

export interface Layout {
  readonly controllers: Readonly<Partial<Record<ControllerName, ControllerPlace>>>;
  /** Why a controller has no place. */
  readonly missing: Readonly<Partial<Record<ControllerName, string>>>;
  /** Where CPU time is counted; may differ from where it is limited. */
  readonly cpuAccounting: string | undefined;
  /** A v2 tree whose groups have `cgroup.kill`. */
  readonly kill: string | undefined;
  /** v1's freezer, which makes killing sure where there is no `cgroup.kill`. */
  readonly freezer: string | undefined;
}

export function chooseLayout(hierarchies: readonly Hierarchy[] = readHierarchies()): Layout {
  const controllers: Partial<Record<ControllerName, ControllerPlace>> = {};
  const missing: Partial<Record<ControllerName, string>> = {};
  const unified = hierarchies.find((hierarchy) => hierarchy.version === "v2");
  const v2 = unified === undefined ? undefined : chooseV2Parent(unified);
  for (const controller of controllerNames) {
    const own = ownDirectoryOf(hierarchies, controller);
    const refusal = own === undefined ? undefined : tryGroup(own).refusal;
    if (own !== undefined && refusal === undefined) controllers[controller] = { version: "v1", parent: own };
    else if (v2?.given.has(controller)) controllers[controller] = { version: "v2", parent: v2.parent };
    else missing[controller] = refusal ?? v2?.reasons.get(controller) ?? noHierarchy(hierarchies, controller);
  }
  const v2Group = v2 === undefined ? undefined : tryGroup(v2.parent);
  const kill = v2Group?.hasKill ? v2?.parent : undefined;
  const writable = (directory: string | undefined) =>
    directory !== undefined && tryGroup(directory).refusal === undefined ? directory : undefined;
  return {
    controllers,
    missing,
    cpuAccounting:
      writable(ownDirectoryOf(hierarchies, "cpuacct")) ?? (v2Group?.refusal === undefined ? v2?.parent : undefined),
    kill,
    freezer: kill === undefined ? writable(ownDirectoryOf(hierarchies, "freezer")) : undefined,
  };
}

function ownDirectoryOf(hierarchies: readonly Hierarchy[], controller: string): string | undefined {
  return hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller))?.ownDirectory;
}

function noHierarchy(hierarchies: readonly Hierarchy[], controller: string): string {
  return hierarchies.length === 0
    ? "no cgroup file system is mounted where this process can see its own group"
    : `no mounted cgroup hierarchy has the ${controller} controller`;
}

interface V2Parent {
  readonly parent: string;
  readonly given: ReadonlySet<ControllerName>;
  readonly reasons: ReadonlyMap<ControllerName, string>;
}

function chooseV2Parent(unified: Hierarchy): V2Parent {
  const own = giveControllers(unified.ownDirectory);
  if (own.given.size === controllerNames.length || unified.ownDirectory === unified.mountPoint) return own;
  const above = giveControllers(dirname(unified.ownDirectory));
  return above.given.size > own.given.size ? above : own;
}

/** Makes a group give controllers to its children, as far as it can. */
function giveControllers(parent: string): V2Parent {
  const given = new Set<ControllerName>();
  const reasons = new Map<ControllerName, string>();
  const { refusal } = tryGroup(parent);
  if (refusal !== undefined)
    return { parent, given, reasons: new Map(controllerNames.map((controller) => [controller, refusal])) };
  const available = words(join(parent, "cgroup.controllers"));
  for (const controller of controllerNames) {
    if (!available.has(controller)) {
      reasons.set(controller, `${parent} has no ${controller} controller to give (see its cgroup.controllers)`);
    } else if (words(join(parent, "cgroup.subtree_control")).has(controller)) {
      given.add(controller);
    } else {
      const failure = enable(parent, controller);
      if (failure === undefined) given.add(controller);
      else reasons.set(controller, failure);
    }
  }
  return { parent, given, reasons };
}

function enable(parent: string, controller: ControllerName): string | undefined {
  const write = () => writeFileSync(join(parent, "cgroup.subtree_control"), `+${controller}`);
  try {
    try {
      write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || !moveOwnTreeToLeaf(parent)) throw error;
      write();
    }
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return `${parent} cannot give the ${controller} controller to groups below it: ${code ?? (error as Error).message}`;
  }
}

/** Empties a group into a leaf below it, where only this process, what started it and what it started are inside. */
function moveOwnTreeToLeaf(parent: string): boolean {
  const pids = [...words(join(parent, "cgroup.procs"))].map(Number);
  if (!pids.every((pid) => isAncestor(pid, process.pid) || isAncestor(process.pid, pid))) return false;
  const leaf = join(parent, "orchestrator-main");
  try {
    mkdirSync(leaf, { recursive: true });
    for (const pid of pids) writeFileSync(join(leaf, "cgroup.procs"), String(pid));
    return true;
  } catch {
    return false;
  }
}

function isAncestor(ancestor: number, pid: number): boolean {
  for (let current = pid; current > 0; current = readProcessStat(current)?.parentPid ?? 0) {
    if (current === ancestor) return true;
  }
  return false;
}

/** Makes a group and removes it: whether that is allowed, and whether such a group has `cgroup.kill` (the root has not). */
function tryGroup(parent: string): { refusal?: string; hasKill: boolean } {
  const probe = join(parent, `oe-probe-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    mkdirSync(probe);
  } catch (error) {
    return { refusal: `no group can be made: ${(error as Error).message}`, hasKill: false };
  }
  try {
    return { hasKill: readdirSync(probe).includes("cgroup.kill") };
  } finally {
    rmdirSync(probe);
  }
}

function words(path: string): Set<string> {
  return new Set((readText(path) ?? "").split(/\s+/).filter((word) => word !== ""));
}
