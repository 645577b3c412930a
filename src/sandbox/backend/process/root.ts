/**
 * What every sandbox sees of the host: the programs and libraries of the system, read-only, without any package of any
 * language, and a made-up `/etc`. No home, no `/var`, no `/run`, no `/sys`, no `/opt`, no `/usr/local`.
 */
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import type { Interpreter, Language } from "../../language.js";
import { driverFolder, type Mount, type RecipePart } from "../../recipe.js";
import type { SupervisorFolder } from "./supervisor-folder.js";

const systemFolders = ["/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec/coreutils"];
const data = ["/usr/share/zoneinfo"];

/** The mounts of a language's sandbox, in order. */
export function rootMounts(
  language: Language,
  interpreter: Interpreter,
  folder: SupervisorFolder,
  parts: readonly RecipePart[],
  hiddenFolders: readonly string[],
  shareNetwork: boolean,
): Mount[] {
  const base: Mount[] = [
    ...systemMounts(),
    { type: "read-only", source: folder.etc, target: "/etc" },
    ...(shareNetwork ? resolver() : []),
    ...interpreter.mounts,
    ...hiddenFolders.map((target): Mount => ({ type: "empty", target })),
    { type: "read-only", source: folder.driver(language), target: driverFolder },
  ];
  return withoutHiddenTwice(withoutImpossible([...base, ...parts.flatMap((part) => part.mounts)]));
}

let system: readonly Mount[] | undefined;

/** What of the system there is; looked for once. */
function systemMounts(): readonly Mount[] {
  const readOnly = (path: string): Mount => ({ type: "read-only", source: path, target: path });
  system ??= [
    ...systemFolders.filter((path) => existsSync(path)).map(readOnly),
    ...["/bin", "/lib", "/lib32", "/lib64"].flatMap(linkOrFolder),
    ...data.filter((path) => existsSync(path)).map(readOnly),
  ];
  return system;
}

/** Who shares the host's network asks the host's name servers. */
function resolver(): Mount[] {
  const path = "/etc/resolv.conf";
  return existsSync(path) ? [{ type: "read-only", source: realpathSync(path), target: path }] : [];
}

/** `/bin` is a link into `/usr` on most systems, and a folder of its own on some. */
function linkOrFolder(path: string): Mount[] {
  if (!existsSync(path)) return [];
  if (lstatSync(path).isSymbolicLink()) return [{ type: "symlink", link: readlinkSync(path), target: path }];
  return [{ type: "read-only", source: path, target: path }];
}

/** What is hidden anew later on need not be hidden before: each mount is copied for each run. */
function withoutHiddenTwice(mounts: readonly Mount[]): Mount[] {
  const last = new Map(mounts.flatMap(({ type, target }, place) => (type === "empty" ? [[target, place]] : [])));
  return mounts.filter((mount, place) => mount.type !== "empty" || last.get(mount.target) === place);
}

/** A folder that does not exist below one that is shown read-only can neither be made nor needs to be hidden. */
function withoutImpossible(mounts: readonly Mount[]): Mount[] {
  const shown = mounts.filter((mount) => mount.type === "read-only").map((mount) => mount.target);
  return mounts.filter(
    (mount) =>
      mount.type !== "empty" ||
      existsSync(mount.target) ||
      !shown.some((folder) => mount.target.startsWith(`${folder}/`)),
  );
}
