/**
 * The last step before the driver, inside: a Perl program without modules, because Perl can make any system call and
 * starts in a millisecond. It sets Landlock (a second wall that holds even if the mounts did not), the limit of
 * processes where no cgroup holds it (it must be set inside: the kernel counts for each user namespace), and becomes
 * the driver. Without Perl, `prlimit` sets the limit and there is no Landlock; the enforcement of the run says so.
 *
 *     perl lock.pl PRLIMIT PROCESSES COMMAND...        PRLIMIT: number of the call; PROCESSES: 0 for no limit
 */
export const lockFileName = "lock.pl";

/** Number of `prlimit64`, which is not the same everywhere; Landlock's are. */
export const prlimitCall = process.arch === "arm64" ? 261 : 302;

export const lockScript = `
my ($prlimit, $processes) = (shift @ARGV, shift @ARGV);
my $version = syscall(444, 0, 0, 1);
if ($version > 0) {
  my $handled = (1 << ($version >= 5 ? 16 : $version >= 3 ? 15 : $version == 2 ? 14 : 13)) - 1;
  my $read = 1 | 4 | 8;
  my $attributes = pack("Q", $handled);
  my $ruleset = syscall(444, $attributes, 8, 0);
  die "landlock: $!" if $ruleset < 0;
  my %allowed = ("/" => $read, "/dev" => $read | 2 | (1 << 15), "/proc" => $read | 2);
  $allowed{$_} = ((1 << 16) - 1) & ~((1 << 6) | (1 << 11)) for ("/work", "/tmp", "/dev/shm");
  for my $path (keys %allowed) {
    sysopen(my $folder, $path, 0x200000) or die "landlock: $path: $!";
    my $rule = pack("Ql", $allowed{$path} & $handled, fileno($folder));
    die "landlock: $path: $!" if syscall(445, $ruleset, 1, $rule, 0) < 0;
    close($folder);
  }
  die "landlock: $!" if syscall(446, $ruleset, 0) < 0;
  open(my $closing, "<&=", $ruleset);
  close($closing);
}
if ($processes > 0) {
  my $limit = pack("QQ", $processes, $processes);
  die "prlimit: $!" if syscall($prlimit + 0, 0, 6, $limit, 0) < 0;
}
# Shells start background jobs with these ignored, and who starts with a signal ignored cannot be interrupted by it.
$SIG{$_} = "DEFAULT" for ("INT", "QUIT", "PIPE");
# Whoever started this may have set it, so that no word of a missing locale comes before what the code says.
delete $ENV{PERL_BADLANG};
exec { $ARGV[0] } @ARGV;
die "$ARGV[0]: $!";
`.trim();
