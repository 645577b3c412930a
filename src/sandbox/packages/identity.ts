/** What makes two views the same, and binds that are real files. */
import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import type { PackageBind } from "./view.js";

/** A bind with what tells its source from another that had the same path. */
export interface ResolvedBind extends PackageBind {
  readonly stamp: string;
}

/** Follows the links of each source, and leaves out those that do not exist. Sorted by target, each target once. */
export function resolveBinds(binds: readonly PackageBind[]): ResolvedBind[] {
  const byTarget = new Map<string, ResolvedBind>();
  for (const { source, target } of binds) {
    try {
      const real = realpathSync(source);
      const { ino, dev, mtimeMs, size } = statSync(real);
      byTarget.set(target, { source: real, target, stamp: `${dev}:${ino}:${mtimeMs}:${size}` });
    } catch {
      // A record of a file that somebody removed.
    }
  }
  return [...byTarget.values()].sort((left, right) => (left.target < right.target ? -1 : 1));
}

export function plainBind({ source, target }: ResolvedBind): PackageBind {
  return { source, target };
}

/** A digest over everything that code in the sandbox could tell two views apart by, without reading the files. */
export function viewDigest(
  language: string,
  runtime: readonly string[],
  versions: Readonly<Record<string, string>>,
  binds: readonly ResolvedBind[],
): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([language, runtime, Object.entries(versions)]));
  for (const bind of binds) hash.update(JSON.stringify([bind.source, bind.target, bind.stamp]));
  return hash.digest("hex").slice(0, 32);
}
