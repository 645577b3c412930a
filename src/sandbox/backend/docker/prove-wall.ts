/**
 * Whether containers of a daemon hold what they are made to hold, found out by attempts: a container tries to break each
 * wall, and what it could do is told by what it printed. Done once in this process for each image and runtime, before the first run.
 */
import { createServer } from "node:net";
import { OrchestratorError } from "../../../model/error.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "../../config.js";
import { languageNamed } from "../../language.js";
import { driverFolder } from "../../recipe.js";
import { lockFileName } from "../process/cold/lock-script.js";
import { DaemonError, type DaemonInfo } from "./client/client.js";
import { containerSpec } from "./container-spec.js";
import { type Daemon, isGvisor, runtimeOf } from "./daemon.js";
import { makeDockerRecipe } from "./make-recipe.js";
import { runToEnd } from "./run/run-to-end.js";

/**
 * Each line that it prints is a violation that succeeded; none may. What is written is what is there already, should a wall be
 * down. In Perl, which every image has, and without a process of its own.
 */
export const violations = String.raw`
use strict;
use Fcntl;
use POSIX ();
my ($port, $kernel) = @ARGV;
$| = 1;
sub broke { print "$_[0]\n" }
my $setting = "/proc/sys/kernel/core_pattern";
if (open(my $in, "<", $setting)) {
  my ($kept, $out) = scalar <$in>;
  broke("filesystem: a setting of the kernel could be written")
    if sysopen($out, $setting, O_WRONLY) && syswrite($out, $kept);
}
for my $folder ("/", "/usr/bin", "/etc", "/run/driver", "/dev", "/proc") {
  broke("filesystem: $folder could be written") if sysopen(my $file, "$folder/.probe", O_WRONLY | O_CREAT);
}
broke("filesystem: the daemon's own socket can be seen") if grep { -S } "/var/run/docker.sock", "/run/podman/podman.sock";
broke("filesystem: the code is root") if $> == 0 || $< == 0;
socket(my $line, 2, 1, 0);
broke("network: the host's loopback could be reached")
  if defined $line && connect($line, pack("S n C4 x8", 2, $port, 127, 0, 0, 1));
my %dead = map { $_ => 1 } qw(. .. lo tunl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 sit0 ip6tnl0 ip6gre0);
if (opendir(my $interfaces, "/sys/class/net")) {
  broke("network: there is an interface besides its own loopback") if grep { !$dead{$_} } readdir $interfaces;
}
open(my $file, "<", "/proc/self/status") or die "its own status: $!";
my $status = join("", <$file>);
broke("syscalls: capabilities can be had") if $status =~ /^CapBnd:\s*0*[1-9a-f]/m;
if ($kernel eq "shared") {
  broke("syscalls: a user namespace could be made") if syscall((POSIX::uname())[4] eq "x86_64" ? 272 : 97, 1 << 28) == 0;
  broke("syscalls: no filter is set") if $status !~ /^Seccomp:\s*2$/m;
  broke("syscalls: new privileges can be had") if $status !~ /^NoNewPrivs:\s*1$/m;
}
else { broke("minIsolation: it has the host's kernel") if (POSIX::uname())[2] eq $kernel }
print "tried\n";
`;

/** Of all backends of this process: a daemon's walls are the same for each. */
const found = new Map<string, Promise<string | undefined>>();

/** @throws OrchestratorError `SANDBOX_FAILURE` where a wall was broken. */
export async function requireWall(daemon: Daemon, info: DaemonInfo, config: ResolvedSandboxConfig): Promise<void> {
  const problem = await wallProblem(daemon, info, config);
  if (problem !== undefined) throw new OrchestratorError("SANDBOX_FAILURE", problem);
}

/** What is wrong, as far as it can be found out without pulling an image. */
export async function wallProblemIfThere(
  daemon: Daemon,
  info: DaemonInfo,
  config: ResolvedSandboxConfig,
): Promise<string | undefined> {
  const image = await daemon.images.find(config.docker.imageOf.bash!);
  return image === undefined ? undefined : wallProblem(daemon, info, config);
}

function wallProblem(daemon: Daemon, info: DaemonInfo, config: ResolvedSandboxConfig): Promise<string | undefined> {
  const runtime = runtimeOf(config, info);
  const key = JSON.stringify([daemon.client.endpoint.name, config.docker.imageOf.bash, runtime]);
  const known = found.get(key);
  if (known !== undefined) return known;
  const attempted = attempt(daemon, info, config, isGvisor(runtime, info));
  found.set(key, attempted);
  // Only that all held is remembered.
  attempted.then(
    (problem) => problem === undefined || found.delete(key),
    () => found.delete(key),
  );
  return attempted;
}

async function attempt(
  daemon: Daemon,
  info: DaemonInfo,
  { docker, minIsolation }: ResolvedSandboxConfig,
  hasOwnKernel: boolean,
): Promise<string | undefined> {
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  try {
    const config: ResolvedSandboxConfig = { ...resolveSandboxConfig(), docker, minIsolation };
    const { settings } = await makeDockerRecipe(daemon, info, config, languageNamed("bash"));
    const perl = "/usr/bin/perl";
    const lock = [perl, `${driverFolder}/${lockFileName}`, "0", "0"];
    const probe = [perl, "-e", violations, String(port), hasOwnKernel ? info.KernelVersion : "shared"];
    const spec = containerSpec({ ...settings, command: [...lock, ...probe] });
    let said = "";
    const { exitCode, complaints } = await runToEnd(daemon.client, spec, {
      onOutput: (chunk) => {
        said += chunk.toString("latin1");
      },
    });
    const broken = said.trim().split("\n");
    if (exitCode !== 0 || broken.pop() !== "tried")
      return `containers of this daemon could not be tried: one ended with exit code ${exitCode}${complaints === "" ? "" : `: ${complaints.slice(-1000)}`}`;
    return broken.length === 0
      ? undefined
      : `containers of this daemon are no wall: a probe broke out: ${broken.join("; ")}`;
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    return `containers of this daemon could not be tried: ${error.message}`;
  } finally {
    listener.close();
  }
}
