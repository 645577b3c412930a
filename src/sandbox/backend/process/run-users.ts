/** Whether runs get users of their own here, and which. */
import { spawnSync } from "node:child_process";
import { UserBlock } from "./users.js";

let own: boolean | undefined;

/**
 * Whether this process may make mount namespaces and become other users: root on a host, but not always root in a
 * container. Otherwise runs have this process's own user, in a user namespace of their own. Tried once.
 */
export function runsAsOwnUser(): boolean {
  own ??= process.getuid?.() === 0 && tryIt();
  return own;
}

let block: UserBlock | undefined;

/** The numbers of this supervisor. Only where `runsAsOwnUser`. */
export function runUsers(): UserBlock {
  block ??= UserBlock.claim();
  return block;
}

function tryIt(): boolean {
  try {
    const user = runUsers().first;
    const become = ["/usr/bin/setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "/bin/true"];
    const child = spawnSync("/usr/bin/unshare", ["--mount", "--propagation", "private", ...become], {
      env: {},
      timeout: 10_000,
    });
    return child.status === 0;
  } catch {
    return false;
  }
}
