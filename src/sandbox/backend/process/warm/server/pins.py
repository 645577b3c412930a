"""Pages of which every fork gets a copy at once, instead of a fault at the first write to each, in it and in its parent.

The kernel copies a page while it forks, and leaves it writable in the parent, where a device may be writing to it: that
is when the page is pinned (Linux 5.12). Registering memory with an io_uring pins it for as long as the ring is open. The
ring serves nothing else: it is never entered, and a fork closes it with the other descriptors of its parent.

Pinned memory counts against RLIMIT_MEMLOCK of the user, 8 MiB as a rule. Where the kernel has no io_uring, or does not let
it be used, nothing is pinned.
"""

import ctypes
import os

import kernel
import pages

# The usual limit, but for what the ring itself takes.
_MOST_BYTES = 31 << 18

_SETUP, _REGISTER = 425, 427  # The same on every architecture.
_REGISTER_BUFFERS = 0
_PARAMETERS_SIZE = 120
_MOST_BUFFERS = 16_384
_ENTRIES = 1


class _Buffer(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def pin_written(early, late):
    """Of what forks were learned to use (`pages.learn`), pins what they write to, and gives what is left to claim."""
    written = [(address, size) for advice, address, size in early + late if advice == pages.POPULATE_WRITE]
    pinned = set(written[: _pin(written)])
    return [[entry for entry in ranges if tuple(entry[1:]) not in pinned] for ranges in (early, late)]


def _pin(ranges):
    """Of `(address, size)`, the first that may be pinned. How many were, for the rest of this process's life."""
    try:
        ring = kernel.syscall(_SETUP, _ENTRIES, ctypes.create_string_buffer(_PARAMETERS_SIZE), what="io_uring_setup")
    except OSError:
        return 0
    count = _count_within(ranges)
    while count > 0:
        buffers = (_Buffer * count)(*ranges[:count])
        try:
            kernel.syscall(_REGISTER, ring, _REGISTER_BUFFERS, buffers, count, what="io_uring_register")
            return count
        except OSError:
            count = count * 7 // 8  # More than the user may pin, as a rule.
    os.close(ring)
    return 0


def _count_within(ranges):
    total = 0
    for count, (_, size) in enumerate(ranges[:_MOST_BUFFERS]):
        total += size
        if total > _MOST_BYTES:
            return count
    return min(len(ranges), _MOST_BUFFERS)
