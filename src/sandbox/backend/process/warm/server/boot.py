"""Theory of operation of the fork server. Started by the supervisor for one view; everything here is trusted.

    supervisor (Node)
     └ boot       waits; the only one in the host's pid namespace; its end is the end of all below
        └ keeper  pid 1 of the server's own namespaces; talks to the supervisor, kills at deadlines
           ├ template    a fresh interpreter in the view's root, has imported what the view allows, forks
           │  └ run      forked, locked in, used once
           └ init        one for each run: holds its namespaces and folders, takes its orphans

boot leaves the host for good before anything is imported from the view: user, pid, mount, network, IPC, UTS and cgroup
namespaces of its own, no user that exists on the host, and a root that holds the view and nothing else. So even the
trusted part could do the host no harm. The capabilities that keeper and template keep are good in these namespaces
alone; they need them to make new ones, to take the uid of each run, and to join namespaces.

The keeper makes the namespaces of a run and starts init in them, which only waits, and the template forks the run straight
into them: so one fork is paid for each run, and the template is the run's true parent, which learns from the kernel, and not
from the run, how it ended. What a fork costs is its memory: the template's lies in huge pages (`huge.py`), what forks are
known to write to is copied while it forks (`pages.py`, `pins.py`), and what they need not touch is done before (`seeds.py`,
`at_fork.py`).
"""

import os
import socket
import sys

sys.path.insert(0, os.getcwd())

import kernel  # noqa: E402
import keeper  # noqa: E402
from lines import LineSocket  # noqa: E402

CONTROL = 3

NAMESPACES = (
    kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)


def main():
    control = LineSocket(socket.socket(fileno=CONTROL))
    settings = control.receive_one()
    if settings is None:
        return 1
    os.umask(0o022)
    # Who wakes another here goes on until it waits: each switch in between would leave both with cold caches.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # The name of the socket is of the host; this descriptor of it stays good behind the pivot.
    supervisor = os.open(settings["socket"], os.O_PATH | os.O_CLOEXEC)
    groups = open_groups()
    leave_user_namespace(settings, control)
    kernel.unshare(NAMESPACES)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    keeper_pid = os.fork()
    if keeper_pid == 0:
        keeper.main(control, supervisor, groups, settings)
    kernel.die_with_parent(0)
    kernel.drop_capabilities()
    control.send({"event": "keeper", "pid": keeper_pid})
    kernel.close_from(CONTROL)
    _, status = os.waitpid(keeper_pid, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def open_groups():
    """The host's cgroups, for the keeper alone, who opens the way into a run's own, and lifts its quota to end it; None where there are none."""
    try:
        return os.open("/sys/fs/cgroup", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None


def leave_user_namespace(settings, control):
    """Becomes a user that is nobody on the host, with room for a uid for each run where the supervisor is root."""
    user, group = settings["user"], settings["group"]
    if settings["mapped"]:
        os.setgroups([])
        kernel.unshare(kernel.CLONE_NEWUSER)
        control.send({"event": "unshared"})
        if control.receive_one() is None:
            sys.exit(1)
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    else:
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_single_user(user, user, group, group)
    kernel.die_with_parent(0)


if __name__ == "__main__":
    sys.exit(main())
