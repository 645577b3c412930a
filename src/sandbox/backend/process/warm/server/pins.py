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

# The usual limit, but for what the ring itself takes.
_MOST_BYTES = 31 << 18

_SETUP, _REGISTER = 425, 427  # The same on every architecture.
_REGISTER_BUFFERS = 0
_PARAMETERS_SIZE = 120
_MOST_BUFFERS = 16_384
_ENTRIES = 1


def pin_written(learned):
    """Pins what forks were learned to write to (`pages.learn`), for the rest of this process's life. How many ranges of it."""
    try:
        ring = kernel.syscall(_SETUP, _ENTRIES, ctypes.create_string_buffer(_PARAMETERS_SIZE), what="io_uring_setup")
    except OSError:
        return 0
    count = _count_within(learned.sizes())
    while count > 0:
        try:
            kernel.syscall(_REGISTER, ring, _REGISTER_BUFFERS, learned.address, count, what="io_uring_register")
            return count
        except OSError:
            count = count * 7 // 8  # More than the user may pin, as a rule.
    os.close(ring)
    return 0


def _count_within(sizes):
    count = total = 0
    for size in sizes:
        total += size
        if total > _MOST_BYTES or count == _MOST_BUFFERS:
            break
        count += 1
    return count
