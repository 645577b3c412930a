"""The template's memory in large pages, which a fork hands on, and its end takes back, many at a time.

A fork copies the entry of every page, and counts one user more for each; that the process with pandas has ten thousand of
them is a good part of what a run costs. For the small pages of which a huge one is made the kernel does both in one go, also
where some of them had to be taken out of it. So what the interpreter has come to use is gathered in huge pages once
(`MADV_COLLAPSE` of Linux 6.1), and what runs write to is taken out again, one by one (`pages.py`): it would otherwise
be taken out by each of them.

It has to lie side by side for that. Python takes its memory from the kernel in arenas of 1 MiB, which end up between the
libraries that are loaded meanwhile. Hence some are had ahead.
"""

import ctypes
import mmap

import kernel

_COLLAPSE = 25
_SIZE = 2 << 20
# A range is made a huge page where at least every second page of it is there: what is not is made.
_FEWEST_PAGES = _SIZE // mmap.PAGESIZE // 2
_ATTEMPTS = 5

# What pandas takes, and half as much again. What is not needed is given back.
_RESERVE = 32 << 20
# The largest object that Python takes from an arena, without the head of `bytes`; what it occupies there.
_CONTENT, _BLOCK = 479, 512
# Of the pools of an arena, 16 KiB each, one is enough to keep it.
_POOL_BITS, _POOLS = 14, 64

_libc = ctypes.CDLL(None)
_libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)


def reserve():
    """Arenas side by side, kept as long as the result is."""
    filler = [None] * (_RESERVE // _BLOCK)  # Not grown meanwhile, which would take memory from between.
    for place in range(len(filler)):
        filler[place] = bytes(_CONTENT)
    return [block for block in filler if (id(block) >> _POOL_BITS) % _POOLS == 0]


def collapse():
    """Gathers what it can. Where the kernel does not know how, or has no huge page free, all stays as it was."""
    for start, end in _anonymous():
        for address in range(-(-start // _SIZE) * _SIZE, end - _SIZE + 1, _SIZE):
            if _count_pages(address) >= _FEWEST_PAGES:
                _collapse(address)


def _collapse(address):
    for _ in range(_ATTEMPTS):
        # Pages that are just being moved about make it fail for a moment.
        if kernel.madvise(address, _SIZE, _COLLAPSE) == 0:
            return


def _count_pages(address):
    there = ctypes.create_string_buffer(_SIZE // mmap.PAGESIZE)
    return sum(there.raw) if _libc.mincore(address, _SIZE, there) == 0 else 0


def _anonymous():
    return [
        (start, end)
        for start, end, rights, inode, name in kernel.mappings()
        if rights == "rw-p" and inode == "0" and name in ("", "[heap]")
    ]
