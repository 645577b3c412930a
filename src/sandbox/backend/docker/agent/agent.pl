# The agent of a container: its first process, and the host's only partner. In Perl, because every image of Debian and
# Ubuntu has it, whatever else it has, and because it starts in milliseconds.
#
#     agent         first of the container's pid namespace; speaks frames over its standard input and output
#      + relay      passes connections on to the proxy of allowed domains, where there are any
#      + driver     the code's process, behind Landlock; streams and channel lead here
#
# All of them have the same user, so the agent keeps out of the code's reach by what it is: the kernel delivers the first
# process of a namespace no signal from inside that it has no handler for, SIGKILL included, and the agent is not
# dumpable, so that nothing of it can be traced, read or opened through /proc. What it says of an exit it has from wait(2).
#
# One file of more than 400 lines, because it starts before anything else is there that it could load from.
#
# Frames, as in sandbox/line/frames.ts. From the host: I input, i end of input, C channel, K kill, A ask for files, L deadline.
# To the host: 1 2 output, e end of one of them, C channel, a taken bytes, U use, X the deadline came, E exited, K all are
# dead, N an entry, T content of it, D all entries were told, F failed.
#
#     perl agent.pl CHANNEL OPEN_FILES FILE_SIZE RELAY_PORT RELAY_SOCKET COMMAND...
use strict;
use warnings;
use Fcntl;
use POSIX ();

my $LONGEST = 65536;
my $LONGEST_FROM_HOST = 1 << 26;
my $ARM = (POSIX::uname())[4] =~ /^(?:aarch64|arm64)$/;
my %CALL = $ARM
    ? (prctl => 167, prlimit => 261, signalfd => 74, statfs => 43, openat => 56, clock_gettime => 113)
    : (prctl => 157, prlimit => 302, signalfd => 289, statfs => 137, openat => 257, clock_gettime => 228);
my $O_PATH = 0x200000;
my $O_CLOEXEC = 0x80000;
my ($RLIMIT_FSIZE, $RLIMIT_NOFILE) = (1, 7);
my @WRITABLE = ("/work", "/tmp", "/dev/shm");

my ($channel_number, $open_files, $file_size, $relay_port, $relay_socket, @command) = @ARGV;
my (%outputs, %inputs, $driver, $deadline, $heard, $driver_ended);
my $use_before = 0;
$SIG{PIPE} = "IGNORE";

# The line

sub put {
    my ($kind, $payload) = @_;
    for (my $start = 0; $start == 0 || $start < length $payload; $start += $LONGEST) {
        my $part = substr($payload, $start, $LONGEST);
        my $frame = pack("Na", length $part, $kind) . $part;
        for (my $at = 0; $at < length $frame;) {
            my $written = syswrite(STDOUT, $frame, length($frame) - $at, $at);
            if (defined $written) { $at += $written }
            elsif ($! != POSIX::EINTR()) { leave() }
        }
    }
}

sub leave {
    end_all();
    POSIX::_exit(0);
}

sub fail {
    put("F", $_[0]);
    leave();
}

sub now {
    my $time = pack("qq", 0, 0);
    syscall($CALL{clock_gettime}, 1, $time);
    my ($seconds, $nanoseconds) = unpack("qq", $time);
    return $seconds + $nanoseconds / 1e9;
}

# The start

sub start_relay {
    my ($ready, $ready_out);
    pipe($ready, $ready_out) or fail("a pipe: $!");
    my $pid = fork() // fail("a process for the relay: $!");
    if ($pid == 0) {
        POSIX::dup2(fileno $ready_out, 1);
        POSIX::dup2(POSIX::open("/dev/null", POSIX::O_RDWR()), $_) for (0, 2);
        exec("/usr/bin/perl", "/run/driver/relay.pl", $relay_port, $relay_socket) or POSIX::_exit(1);
    }
    close $ready_out;
    sysread($ready, my $word, 1) or fail("the relay to the proxy of allowed domains did not start");
}

sub limit {
    my ($resource, $value) = @_;
    my $limit = pack("QQ", $value, $value);
    syscall($CALL{prlimit}, 0, $resource + 0, $limit, 0) == 0 or die "a limit: $!\n";
}

sub start_driver {
    my ($go, $go_out, $in, $in_out, $out_in, $out, $err_in, $err, $channel_here, $channel, $status, $status_out);
    for ([\$go, \$go_out], [\$in, \$in_out], [\$out_in, \$out], [\$err_in, \$err], [\$status, \$status_out]) {
        pipe(${ $_->[0] }, ${ $_->[1] }) or fail("a pipe: $!");
    }
    socketpair($channel_here, $channel, 1, 1, 0) or fail("a channel: $!");
    $driver = fork() // fail("a process for the driver: $!");
    if ($driver == 0) {
        eval {
            close $go_out;
            sysread($go, my $word, 1) or die "the agent has gone\n";
            # Whoever fills the memory goes before the agent does.
            if (sysopen(my $adjust, "/proc/self/oom_score_adj", O_WRONLY)) { syswrite($adjust, "1000") }
            POSIX::dup2(fileno $in, 0) // die "standard input: $!\n";
            POSIX::dup2(fileno $out, 1) // die "standard output: $!\n";
            POSIX::dup2(fileno $err, 2) // die "standard error: $!\n";
            POSIX::dup2(fileno $channel, $channel_number) // die "the channel: $!\n";
            limit($RLIMIT_FSIZE, $file_size);
            limit($RLIMIT_NOFILE, $open_files);
            POSIX::setsid();
            umask 022;
            POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new());
            chdir "/work" or die "/work: $!\n";
            # What the image lacks of locales is no matter of the code's.
            $ENV{PERL_BADLANG} = 0;
            exec { "/usr/bin/perl" } "perl", "/run/driver/lock.pl", 0, 0, @command, $channel_number;
            die "the driver: $!\n";
        };
        syswrite($status_out, $@);
        POSIX::_exit(1);
    }
    # The child has its own copy of what follows: it must still be able to write to its own files in /proc.
    syscall($CALL{prctl}, 4, 0, 0, 0, 0) == 0 or fail("the agent cannot close itself off: $!");
    close $_ for ($go, $in, $out, $err, $channel, $status_out);
    syswrite($go_out, "1");
    close $go_out;
    sysread($status, my $words, 4096);
    fail("the driver could not be started: $words") if defined $words && $words ne "";
    $outputs{fileno $out_in} = { kind => "1", handle => $out_in };
    $outputs{fileno $err_in} = { kind => "2", handle => $err_in };
    $outputs{fileno $channel_here} = { kind => "C", handle => $channel_here };
    $inputs{I} = { handle => $in_out, pending => "", number => 0, ended => 0 };
    $inputs{C} = { handle => $channel_here, pending => "", number => 1, ended => 0 };
    for my $input (values %inputs) { fcntl($input->{handle}, F_SETFL, O_NONBLOCK | O_RDWR) }
}

# Streams

sub flush_input {
    my ($input) = @_;
    my ($taken, $broken) = (0, 0);
    while ($input->{pending} ne "" && defined $input->{handle}) {
        my $written = syswrite($input->{handle}, $input->{pending}, $LONGEST);
        if (!defined $written) {
            last if $! == POSIX::EAGAIN() || $! == POSIX::EINTR();
            $broken = 1;
            $written = length $input->{pending};
        }
        substr($input->{pending}, 0, $written) = "";
        $taken += $written;
    }
    if (!defined $input->{handle}) {
        $taken += length $input->{pending};
        $input->{pending} = "";
    }
    put("a", pack("CN", $input->{number}, $taken)) if $taken > 0;
    if ($input->{number} == 0 && defined $input->{handle} && ($broken || ($input->{ended} && $input->{pending} eq ""))) {
        close $input->{handle};
        $input->{handle} = undef;
    }
}

sub forward {
    my ($number) = @_;
    my $output = $outputs{$number};
    my $read = sysread($output->{handle}, my $chunk, $LONGEST);
    return if !defined $read && ($! == POSIX::EINTR() || $! == POSIX::EAGAIN());
    if (!$read) {
        delete $outputs{$number};
        put("e", $output->{kind});
        return;
    }
    put("U", used()) if $output->{kind} eq "C";
    put($output->{kind}, $chunk);
}

# The end

sub reap {
    while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0) { tell_exit($?) if $pid == $driver }
}

sub tell_exit {
    my ($status) = @_;
    return if $driver_ended;
    $driver_ended = 1;
    my ($code, $signal) = ($status & 127) ? ("null", $status & 127) : ($status >> 8, "null");
    put("E", qq({"code":$code,"signal":$signal,) . substr(used(), 1));
}

# When this returns, the agent is alone: whatever was forked or detached is the first process's to wait for.
sub end_all {
    my $ended = 0;
    kill(9, -1);
    while ((my $pid = waitpid(-1, 0)) > 0 || $! == POSIX::EINTR()) {
        tell_exit($?) if $pid == ($driver // 0);
        kill(9, -1) if ++$ended % 64 == 0;
    }
}

# What it used

sub slurp {
    my ($path) = @_;
    sysopen(my $file, $path, O_RDONLY) or return undef;
    sysread($file, my $text, 8192);
    return $text;
}

sub count {
    my ($path, $word) = @_;
    my $text = slurp($path) // return 0;
    return $text =~ /^\Q$word\E (\d+)/m ? $1 : 0;
}

sub cpu_seconds {
    my $groups = "/sys/fs/cgroup";
    my $text = slurp("$groups/cpu.stat");
    return $1 / 1e6 if defined $text && $text =~ /^usage_usec (\d+)/m;
    $text = slurp("$groups/cpuacct/cpuacct.usage") // return undef;
    return $text / 1e9;
}

sub used {
    my $groups = "/sys/fs/cgroup";
    my $cpu = cpu_seconds();
    my $peak = slurp("$groups/memory.peak") // slurp("$groups/memory/memory.max_usage_in_bytes");
    my $kills = count("$groups/memory.events", "oom_kill") || count("$groups/memory/memory.oom_control", "oom_kill");
    my $forks = count("$groups/pids.events", "max") || count("$groups/pids/pids.events", "max");
    my @fields = (qq("oomKills":$kills), qq("processLimitHits":$forks), qq("diskFull":) . (is_full() ? "true" : "false"));
    push @fields, sprintf('"cpuSeconds":%.6f', $cpu > $use_before ? $cpu - $use_before : 0) if defined $cpu;
    push @fields, '"peakBytes":' . ($peak + 0) if defined $peak;
    return "{" . join(",", @fields) . "}";
}

sub is_full {
    for my $folder (@WRITABLE) {
        my $state = "\0" x 256;
        next if syscall($CALL{statfs}, $folder, $state) != 0;
        my (undef, undef, $blocks, undef, $available, $files, $free) = unpack("q7", $state);
        return 1 if ($blocks > 0 && $available == 0) || ($files > 0 && $free == 0);
    }
    return 0;
}

# Files: code of the run has made them, so none is reached but by its folder's descriptor, and no link is followed.

sub open_below {
    my ($folder, $name, $flags) = @_;
    my $number = syscall($CALL{openat}, fileno $folder, $name, $flags | O_NOFOLLOW | $O_CLOEXEC, 0);
    if ($number < 0 && $! == POSIX::EACCES()) {
        # The code may have taken its rights away, which its own user can give back.
        my $held = syscall($CALL{openat}, fileno $folder, $name, $O_PATH | O_NOFOLLOW | $O_CLOEXEC, 0);
        return undef if $held < 0;
        my $path = "/proc/self/fd/$held";
        my $again;
        my $opened = (-f $path || -d _) && chmod(0700, $path) && sysopen($again, $path, $flags | $O_CLOEXEC);
        POSIX::close($held);
        return $opened ? $again : undef;
    }
    return undef if $number < 0;
    open(my $handle, "<&=", $number) or return undef;
    return $handle;
}

sub walk {
    my ($folder, $path, $depth, $left) = @_;
    my $place = "/proc/self/fd/" . fileno $folder;
    opendir(my $listing, $place) or return;
    my @names = sort grep { $_ ne "." && $_ ne ".." } readdir $listing;
    closedir $listing;
    for my $name (@names) {
        return if --$$left < 0;
        my $inside = $path eq "" ? $name : "$path/$name";
        my @state = lstat "$place/$name" or next;
        my $kind = kind_of($state[2]);
        if ($kind ne "folder") { entry($inside, $kind, $state[7]) }
        elsif ($depth <= 0) { entry($inside, "deep", 0) }
        elsif (!defined(my $child = open_below($folder, $name, O_RDONLY | O_DIRECTORY))) { entry($inside, "closed", 0) }
        else {
            entry($inside, "folder", 0);
            walk($child, $inside, $depth - 1, $left);
        }
    }
}

sub kind_of {
    my $type = $_[0] & 0170000;
    my %kinds = (0100000 => "file", 0040000 => "folder", 0120000 => "link", 0010000 => "pipe", 0140000 => "socket");
    return $kinds{$type} // "device";
}

sub entry {
    my ($path, $kind, $size) = @_;
    put("N", sprintf('{"path":"%s","kind":"%s","size":%d}', base64($path), $kind, $size));
}

sub content {
    my ($work, $path, $most) = @_;
    my @parts = split m{/}, $path, -1;
    my $name = pop @parts // return 0;
    my @held = ($work);
    for my $part (@parts) { push @held, open_below($held[-1], $part, O_RDONLY | O_DIRECTORY) // return 0 }
    my $file = open_below($held[-1], $name, O_RDONLY | O_NONBLOCK) // return 0;
    return 0 if !-f $file;
    while ($most > 0) {
        my $read = sysread($file, my $chunk, $most < $LONGEST ? $most : $LONGEST) or last;
        put("T", $chunk);
        $most -= $read;
    }
    return 1;
}

sub answer {
    my ($question) = @_;
    if (!sysopen(my $work, "/work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) { put("D", "{}") }
    elsif ($question =~ /"ask":"walk","depth":(\d+),"entries":(\d+)/) {
        my $left = $2;
        walk($work, "", $1, \$left);
        put("D", '{"cut":' . ($left < 0 ? "true" : "false") . "}");
    }
    elsif ($question =~ /"path":"([^"]*)","most":(\d+)/) {
        my $found = content($work, from_base64($1), $2);
        put("D", '{"found":' . ($found ? "true" : "false") . "}");
    }
}

sub base64 {
    my ($bytes) = @_;
    my $text = "";
    while ($bytes =~ /(.{1,45})/gs) {
        my $line = substr(pack("u", $1), 1);
        chop $line;
        $text .= $line;
    }
    $text =~ tr|` -_|AA-Za-z0-9+/|;
    my $padding = (3 - length($bytes) % 3) % 3;
    substr($text, -$padding) = "=" x $padding if $padding;
    return $text;
}

sub from_base64 {
    my ($text) = @_;
    $text =~ tr|A-Za-z0-9+/||cd;
    $text =~ tr|A-Za-z0-9+/| -_|;
    my $bytes = "";
    while ($text =~ /(.{1,60})/gs) { $bytes .= unpack("u", chr(32 + int(length($1) * 3 / 4)) . $1) }
    return $bytes;
}

# The loop

sub hear {
    my ($kind, $payload) = @_;
    if ($kind eq "C" || $kind eq "I") {
        if ($kind eq "C" && !$heard) {
            $heard = 1;
            $use_before = cpu_seconds() // 0;
        }
        my $input = $inputs{$kind};
        $input->{pending} .= $payload;
        flush_input($input);
    }
    elsif ($kind eq "i") {
        $inputs{I}{ended} = 1;
        flush_input($inputs{I});
    }
    elsif ($kind eq "L") { $deadline = $payload > 0 ? now() + $payload / 1000 : undef }
    elsif ($kind eq "K") {
        end_all();
        put("K", used());
    }
    elsif ($kind eq "A") { answer($payload) }
}

sub serve {
    my ($signals) = @_;
    my $pending = "";
    for (;;) {
        my ($read, $write) = ("", "");
        vec($read, $_, 1) = 1 for (0, $signals, keys %outputs);
        for my $input (values %inputs) {
            vec($write, fileno $input->{handle}, 1) = 1 if defined $input->{handle} && $input->{pending} ne "";
        }
        my $wait = defined $deadline ? $deadline - now() : undef;
        my $ready = select($read, $write, undef, defined $wait && $wait < 0 ? 0 : $wait);
        if (defined $deadline && now() >= $deadline) {
            $deadline = undef;
            put("X", "");
            end_all();
        }
        next if $ready <= 0;
        for my $input (values %inputs) {
            flush_input($input) if defined $input->{handle} && vec($write, fileno $input->{handle}, 1);
        }
        for my $number (keys %outputs) { forward($number) if vec($read, $number, 1) }
        if (vec($read, $signals, 1)) {
            POSIX::read($signals, my $ignored, 4096);
            reap();
        }
        next if !vec($read, 0, 1);
        my $size = sysread(STDIN, $pending, $LONGEST, length $pending);
        next if !defined $size && $! == POSIX::EINTR();
        leave() if !$size;
        while (length $pending >= 5) {
            my ($length, $kind) = unpack("Na", $pending);
            fail("a message of $length bytes from the host") if $length > $LONGEST_FROM_HOST;
            last if length $pending < 5 + $length;
            my $payload = substr($pending, 5, $length);
            substr($pending, 0, 5 + $length) = "";
            hear($kind, $payload);
        }
    }
}

my $mask = POSIX::SigSet->new(POSIX::SIGCHLD());
POSIX::sigprocmask(POSIX::SIG_BLOCK(), $mask);
my $set = pack("Q", 1 << (POSIX::SIGCHLD() - 1));
my $signals = syscall($CALL{signalfd}, -1, $set, 8, $O_CLOEXEC | O_NONBLOCK);
fail("signals: $!") if $signals < 0;
start_relay() if $relay_port;
start_driver();
serve($signals);
