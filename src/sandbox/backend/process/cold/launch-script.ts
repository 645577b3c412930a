/**
 * The launcher of a cold start, a shell script:
 *
 *     bash: keeper                  in a mount namespace of its own (and a user namespace, for an ordinary user)
 *       bash: init                  first of a pid namespace, outside of the run's cgroup
 *         bash: enters the cgroup, sets rlimits
 *           setpriv                 becomes the run's own user, for good (root alone)
 *             bash: pipes           `cat` between the supervisor's sockets and real pipes, which the run's user owns
 *               bwrap               namespaces of the run, root, seccomp
 *                 lock, driver      Landlock, then the interpreter
 *
 * The scratch file system lies in the keeper's mount namespace, so that it outlives the run and its files can be
 * collected after the last process is dead. The keeper watches the deadline by itself, because the supervisor's event loop may be stuck, and it sees
 * the supervisor die as the end of its control socket. In both cases it lifts the CPU quota (a throttled tree dies
 * slowly), kills the cgroup, and kills the init; with the first process of a pid namespace the kernel ends, and reaps,
 * all others in it. So nothing is left for the host's init, which in a container may be somebody who never reaps.
 *
 * Why pipes: Node gives children sockets, and a socket cannot be opened by the name `/dev/stdout`, which shell scripts do.
 *
 * Descriptors: 0 to 2 nothing, nothing, diagnostics; 3 channel; 4 control; 5, 6, 7 the run's standard streams; 8
 * bubblewrap's arguments. Everything else that the supervisor leaked is closed first.
 */

/** What the supervisor says to the keeper: `arm SECONDS`; then `bye`, or nothing any more: end everything. */
export const armWord = "arm";
export const byeWord = "bye";

/** What the keeper says, a line each: `init PID`, `mounted`, `exit N`, `deadline`, `failed WHAT`. */
export const enterFailedCode = 247;

/** A limit that no run reaches before its deadline, but which is one: what is unlimited could be set to anything. */
const longestCpuSeconds = (2 ** 31 / 1000) | 0;

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
  /** Private memory of each process; `undefined`: unlimited. */
  readonly dataKibibytes: number | undefined;
  /** The one group besides its own that the run's user is given, by which it may use a device; `undefined`: none. */
  readonly deviceGroup: number | undefined;
}

export function launchArguments(
  parameters: LaunchParameters,
  procsFiles: readonly string[],
  command: readonly string[],
) {
  const { scratch, diskBytes, inodes, user, channelDescriptor, openFiles, fileSizeKibibytes, seccomp } = parameters;
  const data = parameters.dataKibibytes ?? "unlimited";
  const groups = parameters.deviceGroup === undefined ? "--clear-groups" : `--groups=${parameters.deviceGroup}`;
  const limits = [channelDescriptor, openFiles, fileSizeKibibytes, seccomp, data];
  const positional = [scratch, diskBytes, inodes, user, ...limits, groups];
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
scratch=$1 disk=$2 inodes=$3 user=$4 channel=$5 open_files=$6 file_size=$7 seccomp=$8 data=$9
shift 9
user_groups=$1
shift
groups=()
while [ "$1" != -- ]; do groups+=("$1"); shift; done
shift

{
  # Of its own pid namespace: bubblewrap looks its child up there.
  mount -n -t proc proc /proc || fail "mounting /proc"
  mount -n -t tmpfs -o "nosuid,nodev,size=$disk,nr_inodes=$inodes,mode=0755" scratch "$scratch" || fail "mounting the scratch file system"
  mkdir -m 1777 "$scratch/work" "$scratch/tmp" "$scratch/shm" || fail "making the writable folders"
  echo mounted >&4 || exit
  (
    exec 4>&-
    for file in "@{groups[@]}"; do echo 0 >"$file" || exit ${enterFailedCode}; done
    exec 9<"$seccomp"
    ulimit -Sn "$(ulimit -Hn)"
    eval "exec $channel<&3 3>&-"
    ulimit -c 0 -l 64 -t ${longestCpuSeconds} -n "$open_files" -f "$file_size" -d "$data"
    if [ -n "$user" ]; then
      exec -c /usr/bin/setpriv --reuid="$user" --regid="$user" "$user_groups" --inh-caps=-all --bounding-set=-all --no-new-privs -- \
        /bin/bash --noprofile --norc -c ${shellQuote(pipes)} pipes "$channel" "$@"
    fi
    exec -c /bin/bash --noprofile --norc -c ${shellQuote(pipes)} pipes "$channel" "$@"
  ) &
  exec 3>&- 5<&- 6>&- 7>&- 8<&-
  wait $!
  echo "exit $?" >&4 || exit
  # With this process all others here would end, and what they printed last may still be on its way. It ends with the
  # keeper, however that ends.
  exec /usr/bin/setpriv --pdeathsig KILL -- sleep infinity 4>&-
} &
init=$!
# A supervisor that is gone already is heard below, as the end of the control socket: saying this to it must not kill.
trap '' PIPE
echo "init $init" >&4
exec 3>&- 5<&- 6>&- 7>&- 8<&-

status=0
read -r -u 4 word seconds
while [ "$word" = ${armWord} ]; do
  read -r -t "$seconds" -u 4 word seconds
  status=$?
  if [ $status -gt 128 ]; then echo deadline >&4; break; fi
done
for file in "@{groups[@]}"; do
  group=@{file%/*}
  if [ -e "$group/cpu.cfs_quota_us" ]; then echo -1 >"$group/cpu.cfs_quota_us"; fi
  if [ -e "$group/cpu.max" ]; then echo max >"$group/cpu.max"; fi
done
for file in "@{groups[@]}"; do
  group=@{file%/*}
  if [ -e "$group/cgroup.kill" ]; then echo 1 >"$group/cgroup.kill"; fi
done
kill -KILL $init
wait $init 2>/dev/null
if [ "$status" -gt 128 ]; then read -r -u 4 word; fi
if [ "$word" = ${byeWord} ]; then exit; fi
# The supervisor is gone, and nobody else will clean up before the next one starts. This process can fork no more: its
# pid namespace has ended.
exec rmdir "@{groups[@]/%\\/cgroup.procs/}"
`.replaceAll("@{", "${");

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
