"""The pages that a fork will use, known ahead, and asked for at once.

After a fork the kernel copies a page when it is first written to, with a fault for each, and an interpreter writes
wherever it looks, because it counts references. Such a fault costs several times what the copying does, above all in a
virtual machine. But runs of one template begin with the same memory and do much the same until the code's own first
line. So one fork does all of that with a program of the engine's own, and tells which pages it has come to own. Of these
the fork makes copies itself (`pins.py`). For what may not be pinned, and for what is only read, every run asks in a few
calls (`MADV_POPULATE_WRITE` of Linux 5.14; earlier kernels refuse, and the faults come one by one).
"""

import ctypes
import json
import os

import kernel

_POPULATE_READ = 22
POPULATE_WRITE = 23
_PRESENT = 1 << 63
_EXCLUSIVE = 1 << 56
_PAGE = os.sysconf("SC_PAGE_SIZE")
# Reading a page more costs less than one call more; copying one does not.
_GAP = {_POPULATE_READ: 15, POPULATE_WRITE: 0}
_MOST_PAGES = 16_384

_madvise = ctypes.CDLL(None).madvise
_madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def claim(ranges):
    """`ranges`: of `[advice, address, size]`. What is not there any more is passed over."""
    for advice, address, size in ranges:
        _madvise(address, size, advice)


def learn(rehearse):
    """What a fork uses: right after it was forked, and from then on until `rehearse` has ended; both may be empty."""
    mappings = _mappings()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # Its own files in /proc are its own to read.
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
            pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            early = _used(pagemap, mappings)
            rehearse()
            known = {(advice, number) for advice, numbers in early for number in numbers}
            late = [
                (advice, [number for number in numbers if (advice, number) not in known])
                for advice, numbers in _used(pagemap, mappings)
            ]
            with open(writer, "w", encoding="ascii") as file:
                json.dump([_ranges(early), _ranges(late)], file)
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as file:
        text = file.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text != "" else [[], []]


def _mappings():
    """What may be asked for ahead: `(advice, start, end)`."""
    found = []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            place, rights, _, _, inode, *name = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw") and rights.endswith("p"):
                found.append((POPULATE_WRITE, start, end))
            elif rights.startswith("r") and inode != "0":
                found.append((_POPULATE_READ, start, end))
    return found


def _used(pagemap, mappings):
    """For each mapping the numbers of the pages that this process uses, and, if it may write, owns alone."""
    found = []
    left = _MOST_PAGES
    for advice, start, end in mappings:
        wanted = _PRESENT | _EXCLUSIVE if advice == POPULATE_WRITE else _PRESENT
        first = start // _PAGE
        entries = memoryview(os.pread(pagemap, (end - start) // _PAGE * 8, first * 8)).cast("Q")
        numbers = [first + place for place, entry in enumerate(entries) if entry & wanted == wanted][:left]
        left -= len(numbers)
        found.append((advice, numbers))
    return found


def _ranges(pages):
    return [
        [advice, first * _PAGE, count * _PAGE] for advice, numbers in pages for first, count in _runs(numbers, _GAP[advice])
    ]


def _runs(numbers, gap):
    """Ascending numbers as `(first, count)`, what lies between two of them at most `gap` apart taken with them."""
    first = last = None
    for number in numbers:
        if first is None:
            first = number
        elif number > last + gap + 1:
            yield first, last - first + 1
            first = number
        last = number
    if first is not None:
        yield first, last - first + 1
