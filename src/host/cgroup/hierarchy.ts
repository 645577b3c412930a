/**
 * Where this process stands in the cgroup hierarchies of the host, read from /proc/self/cgroup and
 * /proc/self/mountinfo. Under v1 each controller may be mounted by itself, several may share a mount, and a v2 tree may
 * stand beside them (systemd's "hybrid"), so nothing is assumed: each hierarchy is looked up by its controllers.
 */
import { readFileSync } from "node:fs";
import { posix } from "node:path";

export interface Hierarchy {
  readonly version: "v1" | "v2";
  /** Controllers of a v1 mount; empty for v2, whose groups list theirs in `cgroup.controllers`. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The group that this process is in. */
  readonly ownDirectory: string;
}

/** The hierarchies in which this process has a group that it can see. */
export function readHierarchies(): readonly Hierarchy[] {
  try {
    return parseHierarchies(readFileSync("/proc/self/mountinfo", "utf8"), readFileSync("/proc/self/cgroup", "utf8"));
  } catch {
    return [];
  }
}

/** The same from the two files' text; see cgroups(7) and proc_pid_mountinfo(5) for their forms. */
export function parseHierarchies(mountInfo: string, ownGroups: string): readonly Hierarchy[] {
  const ownPaths = parseOwnPaths(ownGroups);
  const found: Hierarchy[] = [];
  for (const line of mountInfo.split("\n")) {
    const [before, after] = line.split(" - ");
    if (after === undefined) continue;
    const [, , , root, mountPoint] = before!.split(" ").map(unescapeOctal);
    const [fileSystem, , superOptions = ""] = after.split(" ");
    if (fileSystem !== "cgroup" && fileSystem !== "cgroup2") continue;
    const version = fileSystem === "cgroup2" ? "v2" : "v1";
    const controllers = version === "v2" ? [] : superOptions.split(",").filter((option) => ownPaths.has(option));
    const ownPath = ownPaths.get(version === "v2" ? "" : (controllers[0] ?? ""));
    if (version === "v1" && controllers.length === 0) continue;
    const relative = ownPath === undefined ? undefined : pathBelow(root!, ownPath);
    if (relative === undefined) continue;
    found.push({
      version,
      controllers,
      mountPoint: mountPoint!,
      ownDirectory: posix.join(mountPoint!, relative),
    });
  }
  return found;
}

/** Own path by controller; v2 has the empty name. */
function parseOwnPaths(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\d+):([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of match[2]!.split(",")) paths.set(controller, match[3]!);
  }
  return paths;
}

/** A mount may show only a part of its hierarchy (a container's). `undefined` where the own group lies outside of it. */
function pathBelow(root: string, ownPath: string): string | undefined {
  if (ownPath.startsWith("/..")) return undefined;
  if (root === "/") return ownPath;
  if (ownPath === root) return "/";
  return ownPath.startsWith(`${root}/`) ? ownPath.slice(root.length) : undefined;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
