"""The root that every run of a view sees: made once, read-only, from the recipe's mounts.

A run gets a private copy of this mount tree and only its own writable folders and `/proc` on top.
"""

import os
import stat

import kernel

STAGE = "/tmp"  # Any folder that exists on every host; covered in our own mount namespace alone.
HOST = "/oldroot"  # Where the host's root is while the new one is built.
ROOT = "/newroot"

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def build(mounts, folders):
    """Makes the new root from `mounts` and enters it; `folders` are left empty for each run to fill."""
    _step_aside()
    # A mount of its own, so that it can be pivoted into.
    kernel.mount("tmpfs", ROOT, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,nr_inodes=16384,mode=0755")
    for entry in mounts:
        _place(entry)
    _place_devices()
    for folder in (*folders, "/proc"):
        os.makedirs(ROOT + folder, 0o755, exist_ok=True)
    kernel.mount("proc", f"{ROOT}/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    _enter(mounts)


def _step_aside():
    """Into an empty root that covers nothing of the host's: what is to be shown may lie in any of its folders."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,nr_inodes=64,mode=0755")
    for folder in (ROOT, HOST):
        os.mkdir(STAGE + folder, 0o755)
    kernel.pivot_root(STAGE, STAGE + HOST)
    os.chdir("/")


def _enter(mounts):
    os.chdir(ROOT)
    kernel.pivot_root(".", ".")
    # The old root now lies over the new one: off with it, and nothing of the host is left to be reached.
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/")
    kernel.set_mount_attributes("/", kernel.MOUNT_ATTR_RDONLY, recursive=False)
    kernel.set_mount_attributes("/dev", kernel.MOUNT_ATTR_RDONLY, recursive=False)
    for entry in mounts:
        # Sealed only now that everything is bound below them.
        if entry["type"] == "empty":
            kernel.set_mount_attributes(entry["target"], kernel.MOUNT_ATTR_RDONLY, recursive=False)


def _place(entry):
    kind, target = entry["type"], ROOT + entry["target"]
    if kind == "symlink":
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if not os.path.lexists(target):
            os.symlink(entry["link"], target)
    elif kind == "empty":
        os.makedirs(target, 0o755, exist_ok=True)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("tmpfs", target, "tmpfs", flags, "size=256k,nr_inodes=16384,mode=0755")
    elif kind in ("read-only", "read-only-try"):
        if kind == "read-only" or os.path.exists(HOST + entry["source"]):
            _bind(HOST + entry["source"], target)
            attributes = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV
            kernel.set_mount_attributes(target, attributes, recursive=True)
    elif kind == "file":
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(entry["content"])
        os.chmod(target, 0o444)
    else:
        raise ValueError(f"a warm root cannot hold a mount of type {kind}")


def _bind(source, target):
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)


def _place_devices():
    device_folder = f"{ROOT}/dev"
    os.makedirs(device_folder, 0o755, exist_ok=True)
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("tmpfs", device_folder, "tmpfs", flags, "size=64k,nr_inodes=64,mode=0755")
    for name in DEVICES:
        _bind(f"{HOST}/dev/{name}", f"{device_folder}/{name}")
    links = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
    for name, link in links.items():
        os.symlink(link, f"{device_folder}/{name}")
    os.mkdir(f"{device_folder}/shm", 0o755)

