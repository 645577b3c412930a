/**
 * The launcher of a cold start, a shell script that runs in a mount namespace of its own:
 *
 *     unshare --mount               (and --user for an ordinary user)
 *       bash: keeper                outside of the run's cgroup, alive until the supervisor lets go
 *         bash: waiter              reports how bubblewrap ended
 *           bash: enters the cgroup, sets rlimits
 *             setpriv               becomes the run's own user, for good (root alone)
 *               bash: pipes         `cat` between the supervisor's sockets and real pipes, which the run's user owns
 *                 bwrap             namespaces, root, seccomp
 *                   lock, driver    Landlock, then the interpreter
 *
 * The keeper mounts the scratch file system, so that it outlives the run and its files can be collected after the last
 * process is dead. It watches the deadline by itself, because the supervisor's event loop may be stuck, and it sees
 * the supervisor die as the end of its control socket; in both cases it lifts the CPU quota (a throttled tree dies
 * slowly) and kills the cgroup and the waiter, whose death is bubblewrap's (`--die-with-parent`), whose death is that of
 * everything in the pid namespace.
 *
 * Why pipes: Node gives children sockets, and a socket cannot be opened by the name `/dev/stdout`, which shell scripts do.
 *
 * Descriptors: 0 to 2 nothing, nothing, diagnostics; 3 channel; 4 control; 5, 6, 7 the run's standard streams; 8
 * bubblewrap's arguments. Everything else that the supervisor leaked is closed first.
 */

/** What the supervisor says to the keeper: `arm SECONDS`; the end of the socket means: end everything. */
export const armWord = "arm";

/** What the keeper says, a line each: `mounted`, `exit N`, `deadline`, `failed WHAT`. */
export const enterFailedCode = 247;

/** Positional parameters of the script, in order; paths of `cgroup.procs` files follow, then `--`, then bubblewrap. */
export interface LaunchParameters {
  /** Empty folder that the scratch file system is mounted over. */
  readonly scratch: string;
  readonly diskBytes: number;
  readonly inodes: number;
  /** `""`: stay the user that the supervisor is. */
  readonly user: string;
  readonly channelDescriptor: number;
  readonly openFiles: number;
  readonly fileSizeKibibytes: number;
  readonly seccomp: string;
}

export function launchArguments(
  parameters: LaunchParameters,
  procsFiles: readonly string[],
  command: readonly string[],
) {
  const { scratch, diskBytes, inodes, user, channelDescriptor, openFiles, fileSizeKibibytes, seccomp } = parameters;
  const positional = [scratch, diskBytes, inodes, user, channelDescriptor, openFiles, fileSizeKibibytes, seccomp];
  return [...positional.map(String), ...procsFiles, "--", ...command];
}

/** Parameters: descriptor of the channel, command. */
const pipes = `
channel=$1
shift
others="8>&- 9>&- $channel>&-"
eval "exec < <(exec $others 6>&- 7>&-; exec cat <&5)"
eval "exec > >(exec $others 5<&- 7>&-; exec cat >&6)"
eval "exec 2> >(exec $others 5<&- 6>&-; exec cat >&7)"
exec 5<&- 6>&- 7>&-
for path in /proc/self/fd/*; do
  descriptor=@{path##*/}
  if [ "$descriptor" -gt 9 ] && [ "$descriptor" != "$channel" ]; then eval "exec $descriptor>&-"; fi
done
exec -c "$@"
`.trim();

export const launchScript = `
cd /
for path in /proc/self/fd/*; do
  descriptor=@{path##*/}
  if [ "$descriptor" -gt 8 ]; then eval "exec $descriptor>&-"; fi
done
fail() { echo "failed $1" >&4; exit 1; }
scratch=$1 disk=$2 inodes=$3 user=$4 channel=$5 open_files=$6 file_size=$7 seccomp=$8
shift 8
groups=()
while [ "$1" != -- ]; do groups+=("$1"); shift; done
shift

mount -n -t tmpfs -o "nosuid,nodev,size=$disk,nr_inodes=$inodes,mode=0755" scratch "$scratch" || fail "mounting the scratch file system"
mkdir -m 1777 "$scratch/work" "$scratch/tmp" "$scratch/shm" || fail "making the writable folders"
echo mounted >&4

{
  (
    exec 4>&-
    for file in "@{groups[@]}"; do echo 0 >"$file" || exit ${enterFailedCode}; done
    exec 9<"$seccomp"
    ulimit -Sn "$(ulimit -Hn)"
    eval "exec $channel<&3 3>&-"
    ulimit -c 0 -l 64 -n "$open_files" -f "$file_size"
    if [ -n "$user" ]; then
      exec -c /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \
        /bin/bash --noprofile --norc -c ${shellQuote(pipes)} pipes "$channel" "$@"
    fi
    exec -c /bin/bash --noprofile --norc -c ${shellQuote(pipes)} pipes "$channel" "$@"
  )
  echo "exit $?" >&4
} 2>&7 &
exec 3>&- 5<&- 6>&- 7>&- 8<&-

read -r -u 4 word seconds
if [ "$word" = ${armWord} ]; then
  read -r -t "$seconds" -u 4 word
  if [ $? -gt 128 ]; then echo deadline >&4; fi
fi
for file in "@{groups[@]}"; do
  group=@{file%/*}
  if [ -e "$group/cpu.cfs_quota_us" ]; then echo -1 >"$group/cpu.cfs_quota_us"; fi
  if [ -e "$group/cpu.max" ]; then echo max >"$group/cpu.max"; fi
done
for file in "@{groups[@]}"; do
  group=@{file%/*}
  if [ -e "$group/cgroup.kill" ]; then echo 1 >"$group/cgroup.kill"; fi
done
kill -KILL $! 2>/dev/null
read -r -t 60 -u 4 word
`.replaceAll("@{", "${");

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
