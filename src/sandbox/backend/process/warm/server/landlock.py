"""Landlock: a second wall around the file system, which holds even if the mounts did not. Left out where the kernel has none."""

import ctypes
import os

import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # The same on every architecture.
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICES = _READ_FILE | _WRITE_FILE | _READ_DIR
# Rights by the version that brought them: all of the first, then refer, truncate, ioctl on devices.
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_MAKE_DEVICES = (1 << 6) | (1 << 11)
_IOCTL_DEVICE = 1 << 15


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64)]


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def version():
    """0 where the kernel has no Landlock or it is switched off."""
    try:
        return kernel.syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG, what="landlock")
    except OSError:
        return 0


def restrict(writable):
    """From now on everything can be read, and written only below `writable` and to devices. Whether it holds."""
    found = version()
    if found == 0:
        return False
    handled = _HANDLED[max(known for known in _HANDLED if known <= found)]
    ruleset = _Ruleset(handled)
    descriptor = kernel.syscall(_CREATE_RULESET, ctypes.byref(ruleset), 8, 0, what="landlock ruleset")
    try:
        _allow(descriptor, "/", _READ & handled)
        _allow(descriptor, "/dev", (_DEVICES | _IOCTL_DEVICE) & handled)
        _allow(descriptor, "/proc", _DEVICES & handled)
        for folder in writable:
            _allow(descriptor, folder, handled & ~_MAKE_DEVICES)
        kernel.syscall(_RESTRICT_SELF, descriptor, 0, what="landlock restrict")
    finally:
        os.close(descriptor)
    return True


def _allow(ruleset, path, access):
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathRule(access, folder)
        kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0, what=f"landlock rule for {path}")
    finally:
        os.close(folder)
