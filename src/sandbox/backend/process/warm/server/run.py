"""The last steps of a forked run, from the trusted template to the driver's first line. Seccomp comes last."""

import gc
import os
import resource
import sys

import kernel
import landlock
import pages

# 0, 1 and 2 are the pipes, 3 the channel until it gets the number that the order gives it.
CHANNEL = 3
STATUS = 4
INIT = 5
# The pipe by which it is told that it was put into its cgroup, or, from here on, the files by which it enters it itself.
GO = ENTRIES = 6

# What a run says on its status pipe where it waits: its descriptors are where they are looked for.
ARRANGED = b"arranged"


def lock_in(order, settings, entries=None, late=()):
    """Takes on the wall. Throws where any part of it cannot be had.

    `entries`: how many files there are by which it enters its cgroup; None: it waits until it was put there. `late`:
    pages to ask for.
    """
    if entries is None:
        _await_group()
    else:
        _enter_group(entries)
    # Only now that it is in its cgroup, so that they are counted there.
    pages.claim(late)
    os.setsid()
    kernel.setns(INIT, sum(kernel.RUN_NAMESPACES.values()))
    os.close(INIT)
    _mount_own_proc()
    os.chdir(settings["workFolder"])
    user, group = order["uid"], order["gid"]
    if settings["mapped"]:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    build_wall(order, settings)


def _await_group():
    if os.read(GO, 1) == b"":
        os._exit(1)
    os.close(GO)


def _enter_group(count):
    """With its one thread, and as itself: to move another the kernel waits until nobody forks."""
    for entry in range(ENTRIES, ENTRIES + count):
        os.write(entry, b"0")
        os.close(entry)


def build_wall(order, settings):
    """What keeps the code in, but for the namespaces that it shares with its init."""
    user, group = os.getuid(), os.getgid()
    # A change of user closes /proc/self to its own process.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWCGROUP)
    kernel.map_single_user(settings["insideUser"], user, settings["insideGroup"], group)
    kernel.drop_capabilities()
    kernel.die_with_parent(0)
    _move_channel(order["channel"])
    for name, value in order["rlimits"].items():
        _limit(getattr(resource, name), value)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if settings["landlock"]:
        landlock.restrict(settings["writable"])
    kernel.install_seccomp(bytes.fromhex(settings["seccomp"]))


def _limit(kind, value):
    """Where the user may have less already, that stays: nobody here could raise it."""
    _, hard = resource.getrlimit(kind)
    lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lower, lower))


def _mount_own_proc():
    """This run's processes instead of the server's. The old one has to be seen while the new one is made."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", "/proc", "proc", flags)


def _move_channel(number):
    """Beyond what the code may open. Whoever holds a descriptor keeps it when the limit comes down."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.dup2(CHANNEL, number, inheritable=False)
    os.close(CHANNEL)


def forget_the_template(settings, requests):
    """What the template knew is not to be seen. What it drew was for this fork alone (`seeds.py`)."""
    requests.pass_on()
    for name in settings["ownModules"]:
        sys.modules.pop(name, None)
    gc.enable()
