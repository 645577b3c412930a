/** Starts sandboxes cold: one process tree for each, by bubblewrap. How, is in `launch-script.ts`. */
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import type { Cgroup } from "../../../../host/cgroup/index.js";
import { driverFolder, type LaunchRecipe } from "../../../recipe.js";
import type { SandboxLauncher } from "../../../run/launched.js";
import { describeEnforcement } from "../enforcement.js";
import {
  channelDescriptorBeyond,
  dataLimitBytes,
  makeRunCgroup,
  userProcessLimit,
  watchedLimits,
} from "../run-limits.js";
import { runsAsOwnUser, runUsers } from "../run-users.js";
import { supervisorFolder } from "../supervisor-folder.js";
import { hiddenArguments, visibleArguments } from "./bubblewrap.js";
import { ColdSandbox } from "./cold-sandbox.js";
import { companionsCommand } from "./companions-script.js";
import { launchArguments, launchScript } from "./launch-script.js";
import { lockFileName, prlimitCall } from "./lock-script.js";

/** bubblewrap and its init, the shell's pipes: processes of the wall, which the code's own limit does not count. */
const processesOfTheWall = 6;

export class ColdLauncher implements SandboxLauncher<LaunchRecipe> {
  readonly #running = new Set<ColdSandbox>();

  async launch(recipe: LaunchRecipe): Promise<ColdSandbox> {
    const folder = supervisorFolder();
    folder.driver(recipe.language);
    const users = runsAsOwnUser() ? runUsers() : undefined;
    const user = users?.take();
    let cgroup: Cgroup | undefined;
    try {
      cgroup = makeRunCgroup(recipe, {
        processesOfTheWall: processesOfTheWall + 2 * recipe.companions.length,
        ends: true,
      });
      const sandbox = this.#spawn(recipe, cgroup, user);
      this.#running.add(sandbox);
      sandbox.onDisposed = () => {
        this.#running.delete(sandbox);
        if (user !== undefined) users?.release(user);
      };
      return await sandbox.launched();
    } catch (error) {
      if (cgroup !== undefined) await cgroup.destroy().catch(() => {});
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((sandbox) => sandbox.dispose()));
  }

  #spawn(recipe: LaunchRecipe, cgroup: Cgroup | undefined, user: number | undefined): ColdSandbox {
    const { scratch, seccomp } = supervisorFolder();
    const { limits } = recipe;
    const data = dataLimitBytes(recipe);
    const channelDescriptor = channelDescriptorBeyond(limits.openFiles);
    const parameters = {
      scratch,
      seccomp,
      diskBytes: limits.diskBytes,
      // The three folders and the root of the file system are not the code's.
      inodes: limits.inodes + 4,
      user: user === undefined ? "" : String(user),
      channelDescriptor,
      openFiles: limits.openFiles,
      dataKibibytes: data === undefined ? undefined : Math.ceil(data / 1024),
      fileSizeKibibytes: Math.ceil(limits.fileSizeBytes / 1024),
      deviceGroup: deviceGroupOf(recipe),
    };
    const inside = [
      ...lockCommand(userProcessLimit(recipe) ?? 0),
      ...companionsCommand(driverFolder, channelDescriptor, recipe.waitForPorts, recipe.companions),
      ...recipe.command,
      String(channelDescriptor),
    ];
    const ownUser = user === undefined ? ["--user", "--map-root-user"] : [];
    const shell = ["/bin/bash", "--noprofile", "--norc", "-c", launchScript, "keeper"];
    const child = spawn(
      "/usr/bin/unshare",
      [
        ...ownUser,
        ...["--mount", "--propagation", "private", "--pid", "--"],
        ...shell,
        ...launchArguments(parameters, cgroup?.procsFiles ?? [], visibleArguments(inside)),
      ],
      {
        env: { PATH: "/usr/bin:/bin" },
        cwd: "/",
        // Its own group, so that a Ctrl-C in a terminal reaches the supervisor alone, which then ends its runs in order.
        detached: true,
        stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"],
      },
    );
    return new ColdSandbox(child, {
      cgroup,
      hidden: hiddenArguments(recipe, scratch),
      scratch,
      enforcement: describeEnforcement(recipe),
      watched: watchedLimits(recipe),
    });
  }
}

/** The group to which a device belongs that is to be used. */
function deviceGroupOf(recipe: LaunchRecipe): number | undefined {
  const device = recipe.mounts.find((mount) => mount.type === "device");
  return device === undefined ? undefined : statSync(device.source, { throwIfNoEntry: false })?.gid;
}

function lockCommand(processes: number): string[] {
  if (existsSync("/usr/bin/perl"))
    return ["/usr/bin/perl", `${driverFolder}/${lockFileName}`, String(prlimitCall), String(processes)];
  const signals = ["/usr/bin/env", "--default-signal=INT,QUIT,PIPE"];
  return processes === 0 ? signals : [...signals, "/usr/bin/prlimit", `--nproc=${processes}:${processes}`, "--"];
}
