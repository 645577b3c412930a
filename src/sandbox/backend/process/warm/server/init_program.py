"""The program of a run's first process, as an executable file: four system calls, the last of them for ever.

    rt_sigaction(SIGCHLD, {SIG_IGN})   the kernel reaps for a pid 1 that ignores the ends of its children
    capset({version 3}, {no capability})
    write(REPORT, 1 byte)              from now on, and not already when exec returns, others see what it is
    pause()
"""

import struct

_ADDRESS = 0x400000
_FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_HEADERS = _FILE_HEADER.size + 2 * _PROGRAM_HEADER.size

# Where it finds somebody who waits for it.
REPORT = 4

_SIGCHLD = 17
_SIGNAL_SET_SIZE = 8
# struct sigaction of the kernel: SIG_IGN, no flags, no restorer, an empty mask. Then what capset reads.
_ACTION = struct.pack("<4Q", 1, 0, 0, 0)
_CAPABILITY_HEADER = struct.pack("<Ii", 0x20080522, 0)
_DATA = _ACTION + _CAPABILITY_HEADER + bytes(24)
_ACTION_AT = _ADDRESS + _HEADERS
_CAPABILITY_HEADER_AT = _ACTION_AT + len(_ACTION)
_CAPABILITIES_AT = _CAPABILITY_HEADER_AT + len(_CAPABILITY_HEADER)
_CALLS = (
    (_SIGCHLD, _ACTION_AT, 0, _SIGNAL_SET_SIZE),
    (_CAPABILITY_HEADER_AT, _CAPABILITIES_AT),
    (REPORT, _ACTION_AT, 1),
)


def build(machine):
    """The file, for `x86_64` or `aarch64`."""
    number, instructions = {"x86_64": (62, _x86_64), "aarch64": (183, _aarch64)}[machine]
    text = instructions()
    size = _HEADERS + len(_DATA) + len(text)
    identity = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian
    entry = _ADDRESS + _HEADERS + len(_DATA)
    file = _FILE_HEADER.pack(
        identity, 2, number, 1, entry, _FILE_HEADER.size, 0, 0, _FILE_HEADER.size, _PROGRAM_HEADER.size, 2, 0, 0, 0
    )
    readable_executable, readable_writable = 5, 6
    loaded = _PROGRAM_HEADER.pack(1, readable_executable, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    stack = _PROGRAM_HEADER.pack(0x6474E551, readable_writable, 0, 0, 0, 0, 0, 16)
    return file + loaded + stack + _DATA + text


def _x86_64():
    registers = (b"\xbf", b"\xbe", b"\xba", b"\x41\xba")  # mov edi, esi, edx, r10d
    text = b""
    for number, arguments in zip((13, 126, 1), _CALLS):
        for register, value in zip(registers, arguments):
            text += register + struct.pack("<I", value)
        text += b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"  # mov eax; syscall
    pause = b"\xb8" + struct.pack("<I", 34) + b"\x0f\x05"
    return text + pause + b"\xeb" + struct.pack("<b", -len(pause) - 2)  # jmp


def _aarch64():
    def move(register, value):
        low, high = value & 0xFFFF, value >> 16
        return [0xD2800000 | low << 5 | register, 0xF2A00000 | high << 5 | register]  # movz, movk

    words = []
    for number, arguments in zip((134, 91, 64), _CALLS):
        for register, value in enumerate(arguments):
            words += move(register, value)
        words += [*move(8, number), 0xD4000001]  # svc
    wait = [word for register in range(5) for word in move(register, 0)]
    wait += [*move(8, 73), 0xD4000001]  # ppoll of nothing, without a time: there is no pause
    back = -len(wait) & 0x3FFFFFF
    return struct.pack(f"<{len(words) + len(wait) + 1}I", *words, *wait, 0x14000000 | back)  # b
