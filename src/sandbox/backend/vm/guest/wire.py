"""The line to the host: frames of a length, a kind and a payload; see agent.py for the kinds."""

import errno
import os
import select
import struct

_HEADER = struct.Struct(">IB")
LONGEST = 65536
# The host is trusted, but what it sends has a bound too.
_LONGEST_FROM_HOST = 1 << 26


class Wire:
    def __init__(self, descriptor):
        self.descriptor = descriptor
        self._pending = bytearray()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def send(self, kind, payload=b""):
        for start in range(0, len(payload) or 1, LONGEST):
            part = payload[start : start + LONGEST]
            self._write(_HEADER.pack(len(part), ord(kind)) + part)

    def receive(self):
        """The frames that have arrived, which may be none."""
        try:
            chunk = os.read(self.descriptor, LONGEST)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return
            raise
        if chunk == b"":
            raise OSError("the host has hung up")
        self._pending += chunk
        while len(self._pending) >= _HEADER.size:
            size, kind = _HEADER.unpack_from(self._pending)
            if size > _LONGEST_FROM_HOST:
                raise ValueError("a frame is too long")
            end = _HEADER.size + size
            if len(self._pending) < end:
                return
            payload = bytes(self._pending[_HEADER.size : end])
            del self._pending[:end]
            yield chr(kind), payload

    def _write(self, data):
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self.descriptor, view) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                self._poll.poll()
