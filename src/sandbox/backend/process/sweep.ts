/** Removes what supervisors that were killed left behind on this host: processes, cgroups, users, folders. */
import { sweepCgroups } from "../../../host/cgroup/index.js";
import { sweepSupervisorFolders } from "./supervisor-folder.js";
import { sweepUsers } from "./users.js";

/** What was removed, by name. */
export interface Swept {
  readonly cgroups: readonly string[];
  readonly folders: readonly string[];
}

export async function sweepProcessSandboxes(): Promise<Swept> {
  const cgroups = await sweepCgroups();
  sweepUsers();
  return { cgroups, folders: sweepSupervisorFolders() };
}

let swept: Promise<Swept> | undefined;

/** The same, at the first use in this process. */
export function sweepOnce(): Promise<Swept> {
  swept ??= sweepProcessSandboxes();
  return swept;
}
