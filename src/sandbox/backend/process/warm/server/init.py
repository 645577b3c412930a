"""The first process of a run, and what makes it.

It lives in the same pid namespace as the code, but in the user namespace of the server, where the code has no power and
no access: it can be neither signalled (pid 1 takes no signal from its own namespace that it has no handler for) nor
traced. It stays in the cgroup of the server: what it uses is not the code's. Its end is the end of all that is in the
run, and while it lives the kernel reaps for it whoever lost its parent.

All that there is to do for it is not to end, so it is a program of a few instructions (`init_program.py`). A fork of an
interpreter would do as well, but costs several milliseconds in pages that it touches on its way to do nothing. Its
namespaces are made ahead by the process that starts it, which enters them for that long.
"""

import fcntl
import os
import platform
import socket
import struct

import init_program
import kernel

# Where the supervisor finds the run's folders: /proc/PID/fd/SCRATCH of this process.
SCRATCH = 3

_NAMESPACES = {**kernel.RUN_NAMESPACES, "pid": kernel.CLONE_NEWPID}

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


class NotStarted(Exception):
    """What of a run's first process could not be had; nothing of it is left."""


class Starter:
    """Starts first processes. For a process without threads, once its root is what runs see."""

    def __init__(self):
        self.own = [(os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in _NAMESPACES.items()]
        self.program = f"/proc/self/fd/{_keep(init_program.build(platform.machine()))}"
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def start(self, order):
        """The pid of a new one, in the run's namespaces, with its folders. Its `/proc` takes one of its own processes to mount.

        Raises NotStarted; anything else means that there was no way back, and that this process should end.
        """
        scratch = -1
        try:
            kernel.unshare(sum(_NAMESPACES.values()))
            _raise_loopback()
            socket.sethostname(order["hostname"])
            scratch = _make_folders(order)
            return self._spawn(scratch)
        except OSError as error:
            raise NotStarted(f"the run's namespaces: {type(error).__name__}: {error}") from error
        finally:
            if scratch >= 0:
                os.close(scratch)
            for descriptor, kind in self.own:
                kernel.setns(descriptor, kind)

    def _spawn(self, scratch):
        """Without a copy of this process's memory. Every other descriptor is closed on the way."""
        report, report_out = os.pipe2(os.O_CLOEXEC)
        try:
            places = (self.null, self.null, self.null, scratch, report_out)
            # Out of each other's way first: a pipe may have any number.
            high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, len(places)) for descriptor in places]
            try:
                actions = [(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(high)]
                pid = os.posix_spawn(self.program, ["init"], {}, file_actions=actions, setsigmask=())
            finally:
                for descriptor in (*high, report_out):
                    os.close(descriptor)
            if os.read(report, 1) == b"":
                raise OSError("it died at once")
            return pid
        finally:
            os.close(report)


def _keep(content):
    """A descriptor of a program that has no name anywhere."""
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=64k,nr_inodes=2,mode=0755")
    try:
        with open("/tmp/init", "wb") as file:
            file.write(content)
        os.chmod("/tmp/init", 0o555)
        return os.open("/tmp/init", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        kernel.umount("/tmp", kernel.MNT_DETACH)


def _raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def _make_folders(order):
    """One tmpfs with a folder for each place that can be written, so that one limit holds for all of them."""
    options = f"size={order['diskBytes']},nr_inodes={order['inodes']},mode=0755"
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    scratch = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, mode, target in order["writableFolders"]:
        os.mkdir(f"/tmp/{name}")
        os.chmod(f"/tmp/{name}", mode)
        os.chown(f"/tmp/{name}", order["uid"], order["gid"])
        if target != "/tmp":
            kernel.mount(f"/tmp/{name}", target, None, kernel.MS_BIND)
    own = next(name for name, _, target in order["writableFolders"] if target == "/tmp")
    kernel.mount(f"/tmp/{own}", "/tmp", None, kernel.MS_BIND)
    return scratch
