/** The arguments of bubblewrap for a recipe; they go by a pipe (`--args`), so that no path of the host shows in `/proc`. */
import { existsSync } from "node:fs";
import { insideUser, type LaunchRecipe, type Mount, writableFolders } from "../../../recipe.js";

/** Names on the scratch file system of the folders that can be written. */
const scratchNames: Readonly<Record<keyof typeof writableFolders, string>> = {
  work: "work",
  temporary: "tmp",
  sharedMemory: "shm",
};

export const argumentsDescriptor = 8;
const seccompDescriptor = 9;

/** Arguments that show in `/proc`: no path of the host among them. */
export function visibleArguments(command: readonly string[]): string[] {
  return ["/usr/bin/bwrap", "--args", String(argumentsDescriptor), "--", ...command];
}

/** Arguments for the pipe: each ends with NUL. */
export function hiddenArguments(recipe: LaunchRecipe, scratch: string): Uint8Array {
  const list = [
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(recipe.shareNetwork ? [] : ["--unshare-net"]),
    ...["--uid", String(insideUser.uid), "--gid", String(insideUser.gid), "--hostname", "sandbox"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--seccomp", String(seccompDescriptor)],
    ...recipe.mounts.filter(({ type }) => type !== "device").flatMap(mountArguments),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...recipe.mounts.filter(({ type }) => type === "device").flatMap(mountArguments),
    ...Object.entries(scratchNames).flatMap(([folder, name]) => [
      "--bind",
      `${scratch}/${name}`,
      writableFolders[folder as keyof typeof writableFolders],
    ]),
    // Sealed only now that everything is in place.
    ...recipe.mounts.flatMap((mount) => (mount.type === "empty" ? ["--remount-ro", mount.target] : [])),
    ...["--remount-ro", "/dev", "--remount-ro", "/"],
    ...["--chdir", writableFolders.work],
    ...Object.entries(recipe.environment).flatMap(([name, value]) => ["--setenv", name, value]),
  ];
  return Buffer.from(`${list.join("\0")}\0`);
}

function mountArguments(mount: Mount): string[] {
  switch (mount.type) {
    case "read-only":
      return ["--ro-bind", mount.source, mount.target];
    case "read-only-try":
      return existsSync(mount.source) ? ["--ro-bind", mount.source, mount.target] : [];
    case "empty":
      return ["--tmpfs", mount.target];
    case "symlink":
      return ["--symlink", mount.link, mount.target];
    case "device":
      return ["--dev-bind", mount.source, mount.target];
    case "socket":
      return ["--bind", mount.source, mount.target];
  }
}
