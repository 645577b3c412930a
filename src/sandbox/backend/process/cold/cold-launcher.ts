/** Starts sandboxes cold: one process tree for each, by bubblewrap. How, is in `launch-script.ts`. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type Cgroup, createCgroup, detectCgroups } from "../../../../host/cgroup/index.js";
import { OrchestratorError } from "../../../../model/error.js";
import { driverFolder, type LaunchRecipe } from "../../../recipe.js";
import { describeEnforcement } from "../enforcement.js";
import type { LaunchedSandbox, SandboxLauncher } from "../launched.js";
import { runsAsOwnUser, runUsers } from "../run-users.js";
import { supervisorFolder } from "../supervisor-folder.js";
import { hiddenArguments, visibleArguments } from "./bubblewrap.js";
import { ColdSandbox } from "./cold-sandbox.js";
import { companionsCommand } from "./companions-script.js";
import { launchArguments, launchScript } from "./launch-script.js";
import { lockFileName, prlimitCall } from "./lock-script.js";

/** bubblewrap and its init, the shell's pipes: processes of the wall, which the code's own limit does not count. */
const processesOfTheWall = 6;

export class ColdLauncher implements SandboxLauncher {
  readonly #running = new Set<ColdSandbox>();

  async launch(recipe: LaunchRecipe): Promise<LaunchedSandbox> {
    const folder = supervisorFolder();
    folder.driver(recipe.language);
    const users = runsAsOwnUser() ? runUsers() : undefined;
    const user = users?.take();
    let cgroup: Cgroup | undefined;
    try {
      cgroup = makeCgroup(recipe);
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
    const support = detectCgroups();
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
      // A second hand for what is watched: it refuses a single large demand at once. Node's heap would not start under it.
      dataKibibytes:
        support.memory.usable || recipe.language.name === "javascript"
          ? undefined
          : Math.ceil(limits.memoryBytes / 1024),
      fileSizeKibibytes: Math.ceil(limits.fileSizeBytes / 1024),
    };
    const inside = [
      ...lockCommand(support.pids.usable ? 0 : limits.processes),
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
      watched: {
        memoryBytes: support.memory.usable ? undefined : limits.memoryBytes,
        cpuQuotaMicros: support.cpu.usable ? undefined : limits.cpuQuotaMicros,
      },
    });
  }
}

/** Beyond what the code may open, so that neither scanning nor closing descriptors meets it. */
function channelDescriptorBeyond(openFiles: number): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
  const limit = hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
  const wanted = Math.max(1000, openFiles);
  return wanted < limit ? wanted : Math.min(openFiles, limit) - 1;
}

function lockCommand(processes: number): string[] {
  if (existsSync("/usr/bin/perl"))
    return ["/usr/bin/perl", `${driverFolder}/${lockFileName}`, String(prlimitCall), String(processes)];
  const signals = ["/usr/bin/env", "--default-signal=INT,QUIT,PIPE"];
  return processes === 0 ? signals : [...signals, "/usr/bin/prlimit", `--nproc=${processes}:${processes}`, "--"];
}

function makeCgroup(recipe: LaunchRecipe): Cgroup | undefined {
  const support = detectCgroups();
  if (support.version === "none") return undefined;
  const { memoryBytes, cpuQuotaMicros, processes } = recipe.limits;
  try {
    return createCgroup({
      name: `sandbox-${recipe.language.name}`,
      ...(support.memory.usable ? { memoryBytes } : {}),
      ...(support.cpu.usable ? { cpuQuotaMicroseconds: cpuQuotaMicros } : {}),
      ...(support.pids.usable ? { pids: processes + processesOfTheWall } : {}),
    });
  } catch (error) {
    throw new OrchestratorError("SANDBOX_FAILURE", `failed to make a cgroup: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
