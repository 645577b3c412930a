"""System calls that Python's library does not offer, as functions that raise OSError."""

import ctypes
import os
import platform

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# Those of a run besides its processes: made for its init, and joined by the run.
RUN_NAMESPACES = {"mnt": CLONE_NEWNS, "net": CLONE_NEWNET, "ipc": CLONE_NEWIPC, "uts": CLONE_NEWUTS}

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

CAP_CHOWN = 0
CAP_SETGID = 6
CAP_SETUID = 7
CAP_SYS_CHROOT = 18
CAP_SYS_ADMIN = 21

# Numbers that differ between the two architectures; those of calls newer than 2019 are the same everywhere.
_NUMBERS = {
    "x86_64": {"capset": 126, "pivot_root": 155, "seccomp": 317},
    "aarch64": {"capset": 91, "pivot_root": 41, "seccomp": 277},
}
_PIDFD_SEND_SIGNAL = 424
_CLOSE_RANGE = 436
_MOUNT_SETATTR = 442

_machine = platform.machine()
if _machine not in _NUMBERS:
    raise OSError(f"warm starts know the system calls of {' and '.join(_NUMBERS)}, not of {_machine}")
_numbers = _NUMBERS[_machine]


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number, *arguments, what="system call"):
    """Each argument an integer, bytes, or a ctypes reference."""
    prepared = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *prepared), what)


_prctl = _libc.prctl
_prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def prctl(option, first=0, second=0):
    result = _prctl(option, first, second, 0, 0)
    return result if result >= 0 else _check(result, f"prctl {option}")


def _count_capabilities():
    count = 0
    while _prctl(PR_CAPBSET_READ, count, 0, 0, 0) >= 0:
        count += 1
    return count


_CAPABILITIES = _count_capabilities()


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor, flags):
    _check(_libc.setns(descriptor, flags), "setns")


def mount(source, target, kind, flags, data=None):
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _check(result, f"mount {kind or source} on {target}")


def umount(target, flags=0):
    _check(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def pivot_root(new_root, put_old):
    syscall(_numbers["pivot_root"], os.fsencode(new_root), os.fsencode(put_old), what="pivot_root")


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def set_mount_attributes(target, attributes, recursive):
    settings = _MountAttributes(attributes, 0, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    arguments = (AT_FDCWD, os.fsencode(target), flags, ctypes.byref(settings), ctypes.sizeof(settings))
    syscall(_MOUNT_SETATTR, *arguments, what=f"mount_setattr {target}")


def close_from(first):
    """Closes every descriptor from `first` up."""
    syscall(_CLOSE_RANGE, first, 0xFFFFFFFF, 0, what="close_range")


# What it gives tells whether it could be done: with what is only advice, that is nobody's error.
madvise = _libc.madvise
madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def mappings():
    """Of this process, all of them: `(start, end, rights, inode, name)`, numbers and words as the kernel writes them."""
    found = []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            place, rights, _, _, inode, *name = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in place.split("-"))
            found.append((start, end, rights, inode, name[0].strip() if name else ""))
    return found


def kill_by_pidfd(descriptor, signal_number):
    """Whether there was still somebody to kill."""
    try:
        syscall(_PIDFD_SEND_SIGNAL, descriptor, signal_number, 0, 0, what="pidfd_send_signal")
        return True
    except ProcessLookupError:
        return False


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _set_capabilities(mask):
    """`mask` becomes the effective, permitted and inheritable set."""
    header = _CapabilityHeader(0x20080522, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    syscall(_numbers["capset"], ctypes.byref(header), ctypes.byref(sets), what="capset")


def keep_capabilities(capabilities):
    """Holds only these, and holds them across an exec by a user that is not root."""
    _set_capabilities(sum(1 << capability for capability in capabilities))
    for capability in capabilities:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def drop_capabilities():
    """All of them, from every set, for this process and whatever it may execute."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_CAPABILITIES):
        if _prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            _check(-1, "prctl PR_CAPBSET_DROP")
    _set_capabilities(0)


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install_seccomp(program):
    """`program`: classic BPF as `struct sock_filter[]`. Needs no_new_privs."""
    instructions = ctypes.create_string_buffer(program, len(program))
    filter_program = _FilterProgram(len(program) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    syscall(_numbers["seccomp"], 1, 0, ctypes.byref(filter_program), what="seccomp")


def die_with_parent(parent_pid):
    """Must come after the last change of credentials, which clears it. `parent_pid` 0: not checked."""
    prctl(PR_SET_PDEATHSIG, 9)
    if parent_pid != 0 and os.getppid() != parent_pid:
        os._exit(1)


def map_single_user(inside_user, outside_user, inside_group, outside_group):
    """In a user namespace just made: one user and one group, and no others ever."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside_user} {outside_user} 1"),
        ("gid_map", f"{inside_group} {outside_group} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
