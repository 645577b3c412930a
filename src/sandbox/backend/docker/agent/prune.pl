# Makes a view of packages of an image that has them all, as root of a build, before any code is near: shows what the view
# has where it is to be found, and removes everything else from the folders of packages.
#
#     perl prune.pl PLAN        lines of: copy SOURCE TAB TARGET, root FOLDER, keep PATH
use strict;
use warnings;

my (@roots, %keep, %above);

sub names {
    my ($folder) = @_;
    opendir(my $listing, $folder) or die "$folder: $!\n";
    return grep { $_ ne "." && $_ ne ".." } readdir $listing;
}

sub run { system(@_) == 0 or die "@_: failed\n" }

sub prune {
    my ($folder) = @_;
    my @gone;
    for my $name (names($folder)) {
        my $path = "$folder/$name";
        next if $keep{$path};
        if ($above{$path} && -d $path && !-l $path) { prune($path) }
        else { push @gone, $path }
    }
    while (my @some = splice(@gone, 0, 200)) { run("/bin/rm", "-rf", "--", @some) }
}

open(my $plan, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
while (my $line = <$plan>) {
    chomp $line;
    my ($word, $rest) = split / /, $line, 2;
    if ($word eq "copy") {
        my ($source, $target) = split /\t/, $rest;
        my ($parent) = $target =~ m{^(.*)/};
        run("/bin/mkdir", "-p", "--", $parent);
        run("/bin/cp", "-a", "--", $source, $target);
    }
    elsif ($word eq "root") { push @roots, $rest }
    elsif ($word eq "keep") {
        $keep{$rest} = 1;
        for (my $path = $rest; $path =~ s{/[^/]*$}{} && $path ne "";) { $above{$path} = 1 }
    }
}
for my $root (@roots) {
    # A folder of packages in another one that is shown is that one's.
    prune($root) if -d $root && !-l $root;
}
for my $folder ("/work", "/tmp", "/run/network", "/node_modules") { run("/bin/mkdir", "-p", "--", $folder) }
# A file system that is mounted over a folder has that folder's mode.
run("/bin/chmod", "1777", "/work", "/tmp");
