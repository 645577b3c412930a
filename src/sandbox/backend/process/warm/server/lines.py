"""Messages between the processes of a fork server: one JSON object on each line."""

import json
import socket

_MOST_DESCRIPTORS = 64


def encode(message):
    return json.dumps(message).encode() + b"\n"


class LineSocket:
    """Both ends are trusted; a line is as long as it needs to be."""

    def __init__(self, connection):
        self._connection = connection
        self._pending = b""
        self._descriptors = []

    def fileno(self):
        return self._connection.fileno()

    def send(self, *messages):
        self._connection.sendall(b"".join(map(encode, messages)))

    def send_with(self, message, descriptors):
        """The other end takes as many for this message, in the order of its messages."""
        line = encode(message)
        sent = socket.send_fds(self._connection, [line], descriptors)
        self._connection.sendall(line[sent:])

    def take(self, count):
        """Descriptors that came with the message at hand."""
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return taken

    def receive(self):
        """The messages that one read brings, at least one; None once the other end is gone. Blocks."""
        while True:
            chunk = self._read()
            if chunk == b"":
                return None
            *lines, self._pending = (self._pending + chunk).split(b"\n")
            if lines:
                return [json.loads(line) for line in lines]

    def receive_one(self):
        """The next message, where the other end sends no second before it is answered."""
        messages = self.receive()
        return None if messages is None else messages[0]

    def _read(self):
        try:
            chunk, descriptors, _, _ = socket.recv_fds(self._connection, 65536, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
            self._descriptors += descriptors
            return chunk
        except ConnectionResetError:
            return b""
