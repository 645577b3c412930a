/**
 * Starting a program inside a group from its first instruction. Adding a pid after the spawn is too late: what the
 * program has forked by then stays outside. So a shell of two lines enters the group and becomes the program.
 */
import type { Cgroup } from "./group.js";

/** Exit code of the launcher where it could not enter. No program of its own is run then. */
export const enterFailedCode = 247;

const script = `while [ "$1" != -- ]; do echo 0 > "$1" || exit ${enterFailedCode}; shift; done; shift; exec "$@"`;

/** Program and arguments that run `argv` inside `cgroup`. `argv[0]` is looked up in `PATH` by the shell, exit code 127 if it is not found. */
export function enterCgroup(cgroup: Pick<Cgroup, "procsFiles">, argv: readonly string[]): string[] {
  return ["/bin/sh", "-c", script, "sh", ...cgroup.procsFiles, "--", ...argv];
}
