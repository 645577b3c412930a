"""The pages that a fork will use, known ahead, and asked for at once.

After a fork the kernel copies a page when it is first written to, with a fault for each, and an interpreter writes
wherever it looks, because it counts references. Such a fault costs several times what the copying does, above all in a
virtual machine. But runs of one template begin with the same memory and do much the same until the code's own first
line. So one fork does all of that with a program of the engine's own, and it is seen which pages it has come to own. Of
these the fork makes copies itself (`pins.py`). For what may not be pinned, and for what is only read, every run asks in a
few calls (`MADV_POPULATE_WRITE` of Linux 5.14; earlier kernels refuse, and the faults come one by one).

What is learned of one fork is true of the next only as long as the template's own memory stays as it is: where each of them
finds its next free block is the template's doing. So the template does as little as it can meanwhile. Whatever there is to
reckon is reckoned by further forks, and handed over in memory that all of them see.
"""

import ctypes
import itertools
import mmap
import os
import struct

import kernel

POPULATE_READ = 22
POPULATE_WRITE = 23
_PRESENT = 1 << 63
_EXCLUSIVE = 1 << 56
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ENTRY = 8  # Bytes that the kernel tells of a page in pagemap.
# Reading a page more costs less than one call more; copying one does not.
_GAP = {POPULATE_READ: 15, POPULATE_WRITE: 0}
_MOST_PAGES = 16_384

_TABLE_BYTES, _RANGES_BYTES = 1 << 20, 1 << 20
# What the kernel tells of a gibibyte takes two mebibytes. A mapping for which there is no room is passed over.
_MOST_MOMENT_BYTES = 64 << 20
_MAPPING = struct.Struct("QQQQ")  # Advice, first page, how many, where the kernel's words about them are kept.
_RANGE = struct.Struct("QQ")  # Address and bytes: also what io_uring takes.


def claim(wanted):
    """`wanted`: of `(advice, ranges)`. What is not there any more is passed over."""
    for advice, ranges in wanted:
        for address, size in _RANGE.iter_unpack(ranges):
            kernel.madvise(address, size, advice)


class Learned:
    """What a fork uses: right after it was forked (`early`), and from then on until it has rehearsed (`late`).

    Ranges are memory full of `(address, bytes)`.
    """

    def __init__(self, parts=(b"",) * 4):
        """`parts`: what is written to early and late, and what is read early and late."""
        ends = list(itertools.accumulate(map(len, parts), initial=0))
        # This process's alone, and beside what Python gives to its objects.
        self.memory = mmap.mmap(-1, ends[-1] + 1, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        whole = memoryview(self.memory)
        whole[: ends[-1]] = b"".join(parts)
        self.written = whole[: ends[2]]
        self.early_written, self.late_written, self.early_read, self.late_read = (
            whole[start:end] for start, end in zip(ends, ends[1:])
        )

    @property
    def address(self):
        """Of all that is written to, early and late."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def sizes(self):
        return (size for _, size in _RANGE.iter_unpack(self.written))

    def to_claim(self, pinned, reads):
        """What is left to ask for, early and late, where the first `pinned` ranges that are written to are pinned."""
        skipped = pinned * _RANGE.size
        early = [(POPULATE_WRITE, self.early_written[skipped:])]
        late = [(POPULATE_WRITE, self.late_written[max(0, skipped - len(self.early_written)) :])]
        if reads:
            early.append((POPULATE_READ, self.early_read))
            late.append((POPULATE_READ, self.late_read))
        return early, late


def learn(rehearse):
    """What forks are to be expected to use when they do what `rehearse` does. Nothing, where that fails.

    What they write to is afterwards owned by this process alone, in small pages (`huge.py`).
    """
    table = mmap.mmap(-1, _TABLE_BYTES)
    if not _apart(lambda: _write_mappings(table)):
        return Learned()
    size = max(place + count * _ENTRY for _, _, count, place in _each_mapping(table))
    first, second = mmap.mmap(-1, size), mmap.mmap(-1, size)
    parts = [mmap.mmap(-1, _RANGES_BYTES) for _ in range(4)]
    done, done_out = os.pipe()
    held, held_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # Its own files in /proc are its own to read.
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
            pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
            _take(table, pagemap, first)
            rehearse()
            _take(table, pagemap, second)
            os.close(held_out)
            os.write(done_out, b"1")
            os.read(held, 1)
        finally:
            os._exit(0)
    os.close(done_out)
    learned = Learned()
    if os.read(done, 1) != b"" and _apart(lambda: _reckon(table, first, second, parts)):
        learned = Learned([_unpack(part) for part in parts])
        # While somebody else has them too, so that this process has to take copies.
        claim([(POPULATE_WRITE, learned.written)])
    for descriptor in (done, held, held_out):
        os.close(descriptor)
    os.waitpid(pid, 0)
    return learned


def _apart(work):
    """Whether it could be done by a fork, to which alone what it does to memory is done, but for what is shared."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _write_mappings(table):
    """Those whose pages may be asked for ahead."""
    count = place = 0
    for start, end, rights, inode, _ in kernel.mappings():
        if rights.startswith("rw") and rights.endswith("p"):
            advice = POPULATE_WRITE
        elif rights.startswith("r") and inode != "0":
            advice = POPULATE_READ
        else:
            continue
        pages = (end - start) // _PAGE
        if place + pages * _ENTRY > _MOST_MOMENT_BYTES or (count + 2) * _MAPPING.size > _TABLE_BYTES:
            continue
        _MAPPING.pack_into(table, count * _MAPPING.size, advice, start // _PAGE, pages, place)
        place += pages * _ENTRY
        count += 1


def _each_mapping(table):
    """All of them: the first that is nothing is their end."""
    for place in range(0, _TABLE_BYTES, _MAPPING.size):
        mapping = _MAPPING.unpack_from(table, place)
        if mapping[0] == 0:
            return
        yield mapping


def _take(table, pagemap, moment):
    """What the kernel tells of all pages at this moment. Writes next to nothing: it would be among what it finds."""
    for _, first, count, place in _each_mapping(table):
        os.preadv(pagemap, [memoryview(moment)[place : place + count * _ENTRY]], first * _ENTRY)


def _reckon(table, first, second, parts):
    early, late = _used(table, first), _used(table, second)
    known = {number for _, numbers in early for number in numbers}
    late = [(advice, [number for number in numbers if number not in known]) for advice, numbers in late]
    for part, (kind, used) in zip(parts, itertools.product((POPULATE_WRITE, POPULATE_READ), (early, late))):
        ranges = [run for advice, numbers in used if advice == kind for run in _runs(numbers, _GAP[kind])]
        for place, (page, count) in enumerate(ranges[: _RANGES_BYTES // _RANGE.size - 1]):
            _RANGE.pack_into(part, place * _RANGE.size, page * _PAGE, count * _PAGE)


def _unpack(part):
    """What stands in it, up to the first range that is nothing."""
    count = next(count for count, (address, _) in enumerate(_RANGE.iter_unpack(part)) if address == 0)
    return memoryview(part)[: count * _RANGE.size]


def _used(table, moment):
    """For each mapping its advice and the numbers of the pages that the process used, and, where it may write, owned alone."""
    found = []
    left = _MOST_PAGES
    for advice, first, count, place in _each_mapping(table):
        wanted = _PRESENT | _EXCLUSIVE if advice == POPULATE_WRITE else _PRESENT
        entries = memoryview(moment)[place : place + count * _ENTRY].cast("Q")
        numbers = [first + index for index, entry in enumerate(entries) if entry & wanted == wanted][:left]
        left -= len(numbers)
        found.append((advice, numbers))
    return found


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
