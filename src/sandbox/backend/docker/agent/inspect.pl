# Tells what an image has, so that views of its packages can be made without it: interpreters with what they say of
# themselves, and a skeleton of its folders of packages (names, and the content of what describes a package).
#
#     perl inspect.pl FOLDER...          folders of packages besides the usual ones
#
# Records on standard output: KIND SP length-of-name SP length-of-content LF name content. Kinds: i (an answer), d (a folder),
# f (a file), z (the end).
use strict;
use warnings;

my $QUESTION = <<'PYTHON';
import json, os, platform, site, sys, sysconfig
version = sys.implementation.version
full = "%d.%d.%d" % version[:3]
if version.releaselevel != "final": full += version.releaselevel[0] + str(version.serial)
paths = sysconfig.get_paths()
print(json.dumps({"path": os.path.realpath(sys.executable), "version": platform.python_version(), "sites": site.getsitepackages(),
  "folders": [paths["purelib"], paths["platlib"]], "markers": {
  "implementation_name": sys.implementation.name, "implementation_version": full, "os_name": os.name,
  "platform_machine": platform.machine(), "platform_python_implementation": platform.python_implementation(),
  "platform_release": platform.release(), "platform_system": platform.system(), "platform_version": platform.version(),
  "python_full_version": platform.python_version(), "python_version": "%d.%d" % sys.version_info[:2],
  "sys_platform": sys.platform}}))
PYTHON

my %told;

sub record {
    my ($kind, $name, $content) = @_;
    print "$kind ", length $name, " ", length $content, "\n", $name, $content;
}

sub slurp {
    my ($path) = @_;
    open(my $file, "<", $path) or return "";
    local $/;
    return <$file> // "";
}

sub names {
    my ($folder) = @_;
    opendir(my $listing, $folder) or return ();
    return sort grep { $_ ne "." && $_ ne ".." } readdir $listing;
}

sub ask {
    open(my $answer, "-|", @_) or return "";
    local $/;
    return <$answer> // "";
}

sub find {
    for my $folder (qw(/usr/local/bin /usr/bin /bin)) {
        for my $name (@_) { return "$folder/$name" if -x "$folder/$name" }
    }
    return undef;
}

my %DESCRIBES = map { $_ => 1 } qw(METADATA PKG-INFO RECORD requires.txt top_level.txt installed-files.txt);

sub python_folder {
    my ($folder, $depth) = @_;
    record("d", $folder, "");
    for my $name (names($folder)) {
        my $path = "$folder/$name";
        if (!-d $path) {
            my $content = $name =~ /\.egg-info$/ || ($name eq "__init__.py" && -s $path && -s _ < 4096) ? slurp($path) : "";
            record("f", $path, $content);
        }
        elsif ($name =~ /\.(?:dist|egg)-info$/) {
            record("d", $path, "");
            for my $part (names($path)) { record("f", "$path/$part", $DESCRIBES{$part} ? slurp("$path/$part") : "") }
        }
        elsif ($name eq "__pycache__") {
            record("d", $path, "");
            if ($depth == 0) { record("f", "$path/$_", "") for names($path) }
        }
        elsif (-f "$path/__init__.py" && (-s _ >= 4096 || slurp("$path/__init__.py") !~ /extend_path|declare_namespace/)) {
            # Shown whole or not at all.
            record("d", $path, "");
            record("f", "$path/__init__.py", "");
        }
        elsif ($depth < 8) { python_folder($path, $depth + 1) }
    }
}

sub modules_folder {
    my ($folder, $depth) = @_;
    record("d", $folder, "");
    for my $name (names($folder)) {
        my $path = "$folder/$name";
        next if !-d $path || $name =~ /^\./;
        if ($name =~ /^\@/ && $depth < 16) { modules_folder($path, $depth + 1) }
        elsif (-f "$path/package.json") {
            record("d", $path, "");
            record("f", "$path/package.json", slurp("$path/package.json"));
            modules_folder("$path/node_modules", $depth + 1) if -d "$path/node_modules" && $depth < 16;
        }
    }
}

my @given = @ARGV;
my @python = grep { !m{/node_modules$} } @given;
my @modules = (grep({ m{/node_modules$} } @given), "/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs");

if (defined(my $path = find("python3"))) {
    my $answer = ask($path, "-I", "-S", "-c", $QUESTION);
    record("i", "python", $answer);
    while ($answer =~ /"(\/[^"]*(?:site|dist)-packages)"/g) { push @python, $1 }
    push @python, "/usr/lib/python3/dist-packages";
}
if (defined(my $path = find("node", "nodejs"))) {
    my $version = ask($path, "--version");
    record("i", "javascript", "$path\n$version");
}
if (defined(my $path = find("bash"))) {
    my $version = ask($path, "--version");
    record("i", "bash", "$path\n$version");
}
for my $folder (@python) { python_folder($folder, 0) if -d $folder && !$told{$folder}++ }
for my $folder (@modules) { modules_folder($folder, 0) if -d $folder && !$told{$folder}++ }
for my $file ("/usr/share/matplotlib/mpl-data/matplotlibrc", "/usr/share/fontconfig/conf.avail/60-latin.conf") {
    record("f", $file, "") if -f $file;
}
if (-f "/var/lib/dpkg/status") {
    record("f", "/var/lib/dpkg/status", slurp("/var/lib/dpkg/status"));
    for my $name (names("/var/lib/dpkg/info")) {
        next if $name !~ /\.list$/;
        my $content = slurp("/var/lib/dpkg/info/$name");
        record("f", "/var/lib/dpkg/info/$name", $content) if $content =~ m{/(?:dist|site)-packages/};
    }
}
record("z", "", "");
