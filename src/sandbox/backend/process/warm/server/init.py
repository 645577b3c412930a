"""The first process of a run: makes its namespaces and folders, then reaps orphans until it is killed.

It lives in the same pid namespace as the code, but in the user namespace of the server, where the code has no power and
no access: it can be neither signalled (pid 1 takes no signal from its own namespace that it has no handler for) nor
traced. It stays in the cgroup of the server: what it uses is not the code's.
"""

import fcntl
import os
import signal
import socket
import struct

import kernel

PREPARED = b"prepared"

# Where the supervisor finds the run's folders: /proc/PID/fd/SCRATCH of this process.
SCRATCH = 3
_REPORT = 4

NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def main(report, order):
    """Never returns."""
    try:
        kernel.die_with_parent(0)
        _keep_only(report)
        kernel.unshare(NAMESPACES)
        _raise_loopback()
        socket.sethostname(order["hostname"])
        _make_folders(order)
        _mount_own_proc()
        # The kernel reaps for a pid 1 that ignores the ends of its children.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        kernel.drop_capabilities()
        # Lets the template join these namespaces. The code cannot trace what lives in a user namespace above its own.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        os.write(_REPORT, PREPARED)
    except BaseException as error:  # noqa: BLE001 - the keeper must hear of it, whatever it is
        os.write(_REPORT, f"the run's namespaces: {type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(_REPORT)
    while True:
        signal.pause()


def _keep_only(report):
    os.dup2(report, _REPORT)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2, SCRATCH):
        os.dup2(null, descriptor)
    kernel.close_from(_REPORT + 1)


def _raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _make_folders(order):
    """One tmpfs with a folder for each place that can be written, so that one limit holds for all of them."""
    options = f"size={order['diskBytes']},nr_inodes={order['inodes']},mode=0755"
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    scratch = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
    for name, mode, target in order["writableFolders"]:
        os.mkdir(f"/tmp/{name}")
        os.chmod(f"/tmp/{name}", mode)
        os.chown(f"/tmp/{name}", order["uid"], order["gid"])
        if target != "/tmp":
            kernel.mount(f"/tmp/{name}", target, None, kernel.MS_BIND)
    own = next(name for name, _, target in order["writableFolders"] if target == "/tmp")
    kernel.mount(f"/tmp/{own}", "/tmp", None, kernel.MS_BIND)
    os.dup2(scratch, SCRATCH)
    os.close(scratch)


def _mount_own_proc():
    """This run's processes instead of the server's. The old one has to be seen while the new one is made."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", "/proc", "proc", flags)
