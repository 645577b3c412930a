"""The way out of a guest that has no network device: connections of the run, passed to the host's proxy as streams.

The agent listens on the loopback of the run's own network namespace, where the variables of the run say that a proxy is. What is
said there goes over the line, as does what the host's proxy answers; nothing is read or decided here. The code can
reach neither this process nor the line.

A message is an operation, the number of a stream, and the rest. Numbers are given by this side and only grow.

    o open (to the host)    d data    e end of data    a so many bytes were taken    x no more of it, both ways

No more than WINDOW bytes of a stream are on the way untaken. A stream is over once each side has said e or x.
"""

import os
import socket
import struct

import kernel

MOST = 96
WINDOW = 131072
_CHUNK = 32768
_HEADER = struct.Struct(">BI")
_TAKEN = struct.Struct(">I")


def listen(init_process, port):
    """A listener on the loopback of the run's namespace."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    kernel.setns(init_process, kernel.CLONE_NEWNET)
    try:
        listener = socket.socket(socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        listener.setblocking(False)
    finally:
        kernel.setns(own, kernel.CLONE_NEWNET)
        os.close(own)
    return listener


class Streams:
    def __init__(self, agent, listener):
        self.agent = agent
        self.listener = listener
        self.open = {}
        self.last = 0
        self.watch()

    def watch(self):
        """More than the most wait in the kernel's queue until one has ended."""
        if len(self.open) < MOST:
            self.agent.readers[self.listener.fileno()] = self.accept
        else:
            self.agent.readers.pop(self.listener.fileno(), None)

    def accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last += 1
        self.open[self.last] = Stream(self, self.last, connection)
        self.send("o", self.last)
        self.open[self.last].watch()
        self.watch()

    def send(self, operation, number, rest=b""):
        self.agent.wire.send("W", _HEADER.pack(ord(operation), number) + rest)

    def hear(self, payload):
        operation, number = _HEADER.unpack_from(payload)
        stream = self.open.get(number)
        if stream is not None:
            stream.hear(chr(operation), payload[_HEADER.size :])

    def forget(self, number):
        self.open.pop(number, None)
        self.watch()


class Stream:
    def __init__(self, streams, number, connection):
        self.streams = streams
        self.number = number
        self.connection = connection
        self.descriptor = connection.fileno()
        self.on_way = 0
        self.pending = bytearray()
        self.told = False
        self.heard = False
        self.closed = False

    def hear(self, operation, rest):
        if operation == "a":
            self.on_way -= _TAKEN.unpack(rest)[0]
        elif operation == "d" and not self.closed:
            self.pending += rest
            self.flush()
        elif operation == "e":
            self.heard = True
            self.flush()
        elif operation == "x":
            # What has come is still for whoever is connected.
            self.heard = True
            if not self.told:
                self.told = True
                self.streams.send("x", self.number)
            self.flush()
        self.settle()

    def read(self):
        """Called where the connection has something to be read, or has ended."""
        try:
            data = self.connection.recv(min(_CHUNK, WINDOW - self.on_way))
        except BlockingIOError:
            return
        except OSError:
            self.give_up()
        else:
            if data:
                self.on_way += len(data)
                self.streams.send("d", self.number, data)
            else:
                self.told = True
                self.streams.send("e", self.number)
        self.settle()

    def flush(self):
        """Called where the connection may take more."""
        taken = 0
        while self.pending and not self.closed:
            try:
                count = self.connection.send(self.pending[:_CHUNK])
            except BlockingIOError:
                break
            except OSError:
                self.give_up()
                break
            del self.pending[:count]
            taken += count
        if taken:
            self.streams.send("a", self.number, _TAKEN.pack(taken))
        if self.heard and not self.pending and not self.closed:
            try:
                self.connection.shutdown(socket.SHUT_WR)
            except OSError:
                self.give_up()
        self.settle()

    def give_up(self):
        """Whoever was connected has gone."""
        self.pending.clear()
        if not (self.told and self.heard):
            self.streams.send("x", self.number)
        self.told = True
        self.close()

    def settle(self):
        if self.told and self.heard and not self.pending:
            self.close()
            self.streams.forget(self.number)
        elif not self.closed:
            self.watch()

    def watch(self):
        readers, writable = self.streams.agent.readers, self.streams.agent.writable
        if not self.told and self.on_way < WINDOW:
            readers[self.descriptor] = self.read
        else:
            readers.pop(self.descriptor, None)
        if self.pending:
            writable[self.descriptor] = self
        else:
            writable.pop(self.descriptor, None)

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.streams.agent.readers.pop(self.descriptor, None)
        self.streams.agent.writable.pop(self.descriptor, None)
        self.connection.close()
