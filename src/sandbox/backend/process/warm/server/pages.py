"""The pages that a fork will use, known ahead, and asked for at once.

After a fork the kernel copies a page when it is first written to, with a fault for each, and an interpreter writes
wherever it looks, because it counts references. Such a fault costs several times what the copying does, above all in a
virtual machine. But runs of one template begin with the same memory and do much the same until the code's own first
line. So one fork does all of that with a program of the engine's own, and it is seen which pages it has come to own. Of
these the fork makes copies itself (`pins.py`). For what may not be pinned, and for what is only read, every run asks in a
few calls (`MADV_POPULATE_WRITE` of Linux 5.14; earlier kernels refuse, and the faults come one by one).
"""

import mmap
import os

import kernel

_POPULATE_READ = 22
POPULATE_WRITE = 23
_PRESENT = 1 << 63
_EXCLUSIVE = 1 << 56
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ENTRY = 8  # Bytes that the kernel tells of a page in pagemap.
# Reading a page more costs less than one call more; copying one does not.
_GAP = {_POPULATE_READ: 15, POPULATE_WRITE: 0}
_MOST_PAGES = 16_384


def claim(ranges):
    """`ranges`: of `[advice, address, size]`. What is not there any more is passed over."""
    for advice, address, size in ranges:
        kernel.madvise(address, size, advice)


def written(ranges):
    """Those of the ranges that are written to."""
    return [entry for entry in ranges if entry[0] == POPULATE_WRITE]


def learn(rehearse):
    """What a fork uses: right after it was forked, and from then on until `rehearse` has ended; both may be empty.

    What a fork writes to is afterwards owned by this process alone, in small pages (`huge.py`).
    """
    mappings = _mappings()
    moments = [_Moment(mappings), _Moment(mappings)]
    done, done_out = os.pipe()
    held, held_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # Its own files in /proc are its own to read.
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
            pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            moments[0].take(pagemap)
            rehearse()
            moments[1].take(pagemap)
            os.close(held_out)
            os.write(done_out, b"1")
            os.read(held, 1)
        finally:
            os._exit(0)
    os.close(done_out)
    early = late = []
    if os.read(done, 1) != b"":
        first, second = (moment.used() for moment in moments)
        early, late = _ranges(first), _ranges(_less(second, first))
        # While somebody else has them too, so that this process has to take copies.
        claim(written(early + late))
    for descriptor in (done, held, held_out):
        os.close(descriptor)
    os.waitpid(pid, 0)
    return early, late


class _Moment:
    """What the kernel tells of all pages at one moment, kept outside of the memory that it tells of."""

    def __init__(self, mappings):
        sizes = [(end - start) // _PAGE * _ENTRY for _, start, end in mappings]
        # Shared with the fork; nobody else's, and gone with the last view of it.
        whole = memoryview(mmap.mmap(-1, sum(sizes) + _ENTRY))
        self.parts = []
        place = 0
        for (advice, start, _), size in zip(mappings, sizes):
            self.parts.append((advice, start // _PAGE, [whole[place : place + size]]))
            place += size

    def take(self, pagemap):
        """Writes next to nothing: what it would write to would be among what it finds."""
        for _, first, buffers in self.parts:
            os.preadv(pagemap, buffers, first * _ENTRY)

    def used(self):
        """For each mapping the numbers of the pages that the process used, and, where it may write, owned alone."""
        found = []
        left = _MOST_PAGES
        for advice, first, (buffer,) in self.parts:
            wanted = _PRESENT | _EXCLUSIVE if advice == POPULATE_WRITE else _PRESENT
            numbers = [first + place for place, entry in enumerate(buffer.cast("Q")) if entry & wanted == wanted][:left]
            left -= len(numbers)
            found.append((advice, numbers))
        return found


def _mappings():
    """What may be asked for ahead: `(advice, start, end)`."""
    found = []
    for start, end, rights, inode, _ in kernel.mappings():
        if rights.startswith("rw") and rights.endswith("p"):
            found.append((POPULATE_WRITE, start, end))
        elif rights.startswith("r") and inode != "0":
            found.append((_POPULATE_READ, start, end))
    return found


def _less(more, less):
    known = {number for _, numbers in less for number in numbers}
    return [(advice, [number for number in numbers if number not in known]) for advice, numbers in more]


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
