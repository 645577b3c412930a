"""Files of a run, read by the agent for the host. Code of the run has made them: no link is followed, none is walked twice."""

import base64
import json
import os
import stat

import kernel

_FSPICK, _FSCONFIG = 433, 431
_FSCONFIG_SET_STRING, _FSCONFIG_CMD_RECONFIGURE = 1, 7
_FSPICK_EMPTY_PATH = 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def reconfigure(scratch, options):
    """Changes a mounted tmpfs by a descriptor of its root, wherever it is mounted."""
    picked = kernel.syscall(_FSPICK, scratch, b"", _FSPICK_EMPTY_PATH, what="fspick")
    try:
        for name, value in options.items():
            arguments = (picked, _FSCONFIG_SET_STRING, name.encode(), str(value).encode(), 0)
            kernel.syscall(_FSCONFIG, *arguments, what=f"the limit {name} of the disk")
        kernel.syscall(_FSCONFIG, picked, _FSCONFIG_CMD_RECONFIGURE, 0, 0, 0, what="the limits of the disk")
    finally:
        os.close(picked)


def is_full(scratch):
    state = os.fstatvfs(scratch)
    return state.f_bavail == 0 or state.f_ffree == 0


def answer(wire, scratch, question):
    folder = os.open("work", _FOLDER, dir_fd=scratch)
    try:
        if question["ask"] == "walk":
            left = [question["entries"]]
            walk(wire, folder, b"", question["depth"], left)
            wire.send("D", json.dumps({"cut": left[0] < 0}).encode())
        else:
            found = read(wire, folder, base64.b64decode(question["path"]), question["most"])
            wire.send("D", json.dumps({"found": found}).encode())
    finally:
        os.close(folder)


def walk(wire, folder, path, depth, left):
    """Tells of what is in a folder, by name, and right behind each folder of what is in that."""
    for name in sorted(os.listdir(os.fsencode(f"/proc/self/fd/{folder}"))):
        left[0] -= 1
        if left[0] < 0:
            return
        inside = path + b"/" + name if path else name
        try:
            state = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue  # Removed meanwhile.
        kind = kind_of(state.st_mode)
        if kind != "folder":
            tell(wire, inside, kind, state.st_size)
        elif depth <= 0:
            tell(wire, inside, "deep", 0)
        else:
            try:
                child = os.open(name, _FOLDER, dir_fd=folder)
            except OSError:
                tell(wire, inside, "closed", 0)
                continue
            try:
                tell(wire, inside, "folder", 0)
                walk(wire, child, inside, depth - 1, left)
            finally:
                os.close(child)


def tell(wire, path, kind, size):
    name = base64.b64encode(path).decode()
    wire.send("N", json.dumps({"path": name, "kind": kind, "size": size}).encode())


def kind_of(mode):
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"), (stat.S_ISFIFO, "pipe"))
    for test, kind in (*kinds, (stat.S_ISSOCK, "socket")):
        if test(mode):
            return kind
    return "device"


def read(wire, folder, path, most):
    """Sends a regular file of at most so many bytes, and says whether there is one."""
    held = []
    try:
        *folders, name = path.split(b"/")
        parent = folder
        for part in folders:
            parent = os.open(part, _FOLDER, dir_fd=parent)
            held.append(parent)
        file = os.open(name, _FILE, dir_fd=parent)
        held.append(file)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return False
        left = most
        while left > 0:
            chunk = os.read(file, min(left, 65536))
            if chunk == b"":
                break
            wire.send("T", chunk)
            left -= len(chunk)
        return True
    except OSError:
        return False
    finally:
        for descriptor in held:
            os.close(descriptor)
