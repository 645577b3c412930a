# Passes connections from the container's loopback on to the proxy's socket, and decides nothing: it runs at the mercy of
# the code, which can end it and then has no network. The same as network/relay.ts, for images without Python.
#
#     perl relay.pl PORT SOCKET
use strict;
use warnings;
use Fcntl;
use POSIX ();
use Socket;

my $MOST = 65536;
my ($port, $path) = @ARGV;
my %ends;
$SIG{PIPE} = "IGNORE";

sub add {
    my ($handle) = @_;
    fcntl($handle, F_SETFL, O_RDWR | O_NONBLOCK);
    return $ends{fileno $handle} = { handle => $handle, pending => "", ended => 0 };
}

sub drop {
    my ($end) = @_;
    for my $side ($end, $end->{other}) {
        next if !defined fileno $side->{handle};
        delete $ends{fileno $side->{handle}};
        close $side->{handle};
    }
    delete $end->{other}{other};
    delete $end->{other};
}

sub flush_end {
    my ($end) = @_;
    if ($end->{pending} ne "") {
        my $written = syswrite($end->{handle}, $end->{pending});
        if (defined $written) { substr($end->{pending}, 0, $written) = "" }
        elsif ($! != POSIX::EAGAIN() && $! != POSIX::EINTR()) { return 0 }
    }
    shutdown($end->{handle}, 1) if $end->{pending} eq "" && $end->{other}{ended};
    return 1;
}

sub move {
    my ($end) = @_;
    my $read = sysread($end->{handle}, my $chunk, $MOST);
    if (!defined $read) { return $! == POSIX::EAGAIN() || $! == POSIX::EINTR() }
    if ($read > 0) { $end->{other}{pending} .= $chunk }
    else { $end->{ended} = 1 }
    return flush_end($end->{other});
}

sub accept_one {
    my ($listener) = @_;
    my ($client, $upstream);
    if (!accept($client, $listener)) {
        select(undef, undef, undef, 0.02);    # Out of descriptors: whoever waits, waits.
        return;
    }
    if (!socket($upstream, AF_UNIX, SOCK_STREAM, 0) || !connect($upstream, pack_sockaddr_un($path))) { return }
    my ($left, $right) = (add($client), add($upstream));
    $left->{other} = $right;
    $right->{other} = $left;
}

socket(my $listener, AF_INET, SOCK_STREAM, 0) or die "a socket: $!";
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "port $port: $!";
listen($listener, 128) or die "listening: $!";
POSIX::setsid();
syswrite(STDOUT, "r");
close STDOUT;
for (;;) {
    my ($read, $write) = ("", "");
    vec($read, fileno $listener, 1) = 1;
    for my $end (values %ends) {
        my $number = fileno $end->{handle};
        vec($read, $number, 1) = 1 if !$end->{ended} && length $end->{other}{pending} < $MOST;
        vec($write, $number, 1) = 1 if $end->{pending} ne "";
    }
    next if select($read, $write, undef, undef) <= 0;
    for my $number (keys %ends) {
        my $end = $ends{$number} // next;
        my $fine = 1;
        $fine = flush_end($end) if vec($write, $number, 1);
        $fine = move($end) if $fine && vec($read, $number, 1);
        my $over = $end->{ended} && $end->{other}{ended} && $end->{pending} eq "" && $end->{other}{pending} eq "";
        drop($end) if !$fine || $over;
    }
    accept_one($listener) if vec($read, fileno $listener, 1);
}
