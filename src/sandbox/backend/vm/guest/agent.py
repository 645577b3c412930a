"""The agent of a guest: its first process, and the host's only partner. Everything here is trusted by the guest.

    agent         root of the guest; talks to the host over one serial port, sees no code of anybody's
     ├ init       first of the run's own namespaces; holds its folders
     └ driver     locked in by the very steps of the process sandbox (user, capabilities, Landlock, seccomp)

A guest serves one sandbox and is never used again. The host boots it, has it prepare the sandbox as far as it goes
without a job (`plan`), and takes a snapshot of the machine. Each run is a restored copy, which is told the time, given
fresh entropy and its limits (`go`), and only then lets the driver through its gate.

Frames from the host: P plan, G go, I input, i end of input, C channel, K kill, A ask for files, W way out,
T time.
To the host: P prepared, F failed, G gone through the gate, 1 2 output, e end of one of them, C channel, a taken bytes,
U use, E exited, K all are dead, N an entry, T content of it, D all entries were told, W way out (see network.py).
"""

import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import files  # noqa: E402
import init  # noqa: E402
import kernel  # noqa: E402
import network  # noqa: E402
import root  # noqa: E402
import run  # noqa: E402
from wire import LONGEST, Wire  # noqa: E402

GATE = 7
# What a driver says once the wall stands.
LOCKED = b"locked"
GROUP = "/sys/fs/cgroup/run"
RNDADDENTROPY = 0x40085203
RNDRESEEDCRNG = 0x5207
# What waits for a reader in the run; the host sends no more before it was told that some is taken.
STREAMS = {"I": 0, "C": 1}


def find_port():
    """The kernel shows a port's file a moment before it can be opened, which on a busy host may be long."""
    for _ in range(15_000):
        for name in sorted(os.listdir("/dev")):
            if name.startswith("vport"):
                try:
                    return os.open(f"/dev/{name}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError:
                    pass
        time.sleep(0.02)
    raise OSError("there is no line to the host")


def write(path, text, folder=None):
    descriptor = os.open(path, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


class Output:
    """A stream into the run: what the host has sent and the run has not taken yet."""

    def __init__(self, agent, kind, descriptor):
        self.agent = agent
        self.kind = kind
        self.descriptor = descriptor
        self.pending = bytearray()
        self.ended = False
        os.set_blocking(descriptor, False)

    def push(self, payload):
        self.pending += payload
        self.flush()

    def end(self):
        self.ended = True
        self.flush()

    def flush(self):
        taken = 0
        broken = False
        while self.pending and self.descriptor >= 0 and not broken:
            try:
                count = os.write(self.descriptor, self.pending[:LONGEST])
            except BlockingIOError:
                break
            except OSError:
                broken = True  # Nobody reads it any more.
                count = len(self.pending)
            del self.pending[:count]
            taken += count
        if taken:
            self.agent.wire.send("a", struct.pack(">BI", STREAMS[self.kind], taken))
        if self.kind == "I" and self.descriptor >= 0 and (broken or (self.ended and not self.pending)):
            self.agent.writable.pop(self.descriptor, None)
            os.close(self.descriptor)
            self.descriptor = -1
        elif self.pending:
            self.agent.writable[self.descriptor] = self
        else:
            self.agent.writable.pop(self.descriptor, None)


class Agent:
    def __init__(self, wire):
        self.wire = wire
        self.readers = {}
        self.writable = {}
        self.plan = None
        self.driver = 0
        self.init = 0
        self.init_process = -1
        self.scratch = -1
        self.outputs = {}
        self.streams = None
        self.gate = -1

    # The loop

    def serve(self):
        self.readers[self.wire.descriptor] = self.hear
        while True:
            self.turn()

    def turn(self):
        events = {}
        for descriptor in self.readers:
            events[descriptor] = select.POLLIN
        for descriptor in self.writable:
            events[descriptor] = events.get(descriptor, 0) | select.POLLOUT
        poll = select.poll()
        for descriptor, mask in events.items():
            poll.register(descriptor, mask)
        for descriptor, mask in poll.poll():
            if mask & select.POLLOUT and descriptor in self.writable:
                self.writable[descriptor].flush()
            if mask & ~select.POLLOUT and descriptor in self.readers:
                self.readers[descriptor]()
            elif mask & (select.POLLERR | select.POLLHUP) and descriptor in self.writable:
                self.writable[descriptor].flush()

    def hear(self):
        for kind, payload in self.wire.receive():
            if kind == "P":
                self.prepare(json.loads(payload))
            elif kind == "G":
                self.go(json.loads(payload))
            elif kind == "T":
                set_clock(payload)
            elif kind in ("I", "C"):
                self.outputs[kind].push(payload)
            elif kind == "i":
                self.outputs["I"].end()
            elif kind == "K":
                self.kill()
            elif kind == "W":
                self.streams.hear(payload)
            elif kind == "A":
                files.answer(self.wire, self.scratch, json.loads(payload))

    def tell(self, kind, message):
        self.wire.send(kind, json.dumps(message).encode())

    # Before the snapshot

    def prepare(self, plan):
        self.plan = plan
        set_clock(plan["time"])
        self.make_group()
        self.cgroup = os.open(GROUP, os.O_PATH | os.O_CLOEXEC)
        self.random = os.open("/dev/urandom", os.O_WRONLY | os.O_CLOEXEC)
        # A promise of memory is always given, and kept by the group's limit: its verdict is to be the same as on a host.
        write("/proc/sys/vm/overcommit_memory", "1")
        write("/proc/sys/kernel/core_pattern", "|/bin/false")
        root.build(plan["mounts"], plan["folders"])
        self.start_init()
        if plan["proxyPort"] is not None:
            self.streams = network.Streams(self, network.listen(self.init_process, plan["proxyPort"]))
        self.start_driver()

    def make_group(self):
        kernel.mount("none", "/sys/fs/cgroup", "cgroup2", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids +cpu")
        os.mkdir(GROUP)

    def start_init(self):
        self.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        pid = init.Starter().start(self.plan["order"])
        # Its end is the end of init: held for as long as the guest lives.
        self.init, self.init_process = pid, os.pidfd_open(pid)
        self.scratch = os.open(f"/proc/{pid}/fd/{init.SCRATCH}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def start_driver(self):
        stdin, stdin_out = os.pipe2(os.O_CLOEXEC)
        stdout_in, stdout = os.pipe2(os.O_CLOEXEC)
        stderr_in, stderr = os.pipe2(os.O_CLOEXEC)
        order = self.plan["order"]
        for descriptor in (stdin, stdout, stderr):
            os.fchown(descriptor, order["uid"], order["gid"])
        channel_here, channel = socket.socketpair()
        gate_here, gate = socket.socketpair()
        go, go_out = os.pipe2(os.O_CLOEXEC)
        status_in, status = os.pipe2(os.O_CLOEXEC)
        kernel.setns(self.init_process, kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            ends = [stdin, stdout, stderr, channel.fileno(), status, self.init_process, go, gate.fileno()]
            become_driver(ends, self.plan)
        kernel.setns(self.pid_namespace, kernel.CLONE_NEWPID)
        write("cgroup.procs", str(pid), self.cgroup)
        for descriptor in (stdin, stdout, stderr, go, status):
            os.close(descriptor)
        channel.close()
        gate.close()
        os.write(go_out, b"1")
        os.close(go_out)
        words = os.read(status_in, 4096)
        if words != LOCKED:
            raise OSError(words.decode(errors="replace") or "the driver died while it was locked in")
        os.close(status_in)
        self.driver = pid
        self.gate = gate_here.detach()
        self.outputs = {"I": Output(self, "I", stdin_out), "C": Output(self, "C", channel_here.detach())}
        self.follow("1", stdout_in)
        self.follow("2", stderr_in)
        process = os.pidfd_open(pid)
        self.readers[process] = lambda: self.reap(process)
        self.readers[self.gate] = self.arrived
        if not self.plan["gated"]:
            self.arrived(b"w")

    def arrived(self, words=None):
        """The driver is as warm as it gets without a job, or it died on the way."""
        words = os.read(self.gate, 1) if words is None else words
        self.readers.pop(self.gate, None)
        if words == b"w":
            self.tell("P", {"peakBytes": self.use().get("peakBytes", 0)})

    # After the snapshot was restored

    def go(self, order):
        add_entropy(self.random, bytes.fromhex(order["entropy"]))
        set_clock(order["time"])
        write("memory.max", str(order["memoryBytes"]), self.cgroup)
        write("pids.max", str(order["processes"]), self.cgroup)
        if order["cpuQuotaMicros"] is not None:
            write("cpu.max", f"{order['cpuQuotaMicros']} 100000", self.cgroup)
        self.before = self.cpu_seconds()
        for name, value in order["rlimits"].items():
            number = getattr(run.resource, name)
            run.resource.prlimit(self.driver, number, (value, value))
        files.reconfigure(self.scratch, {"size": order["diskBytes"], "nr_inodes": order["inodes"]})
        # What the driver said when it had booted is for the host of this run.
        self.follow("C", self.outputs["C"].descriptor)
        os.write(self.gate, b"g")
        os.close(self.gate)
        self.gate = -1
        self.wire.send("G")

    def follow(self, kind, descriptor):
        def forward():
            try:
                chunk = os.read(descriptor, LONGEST)
            except ConnectionResetError:
                chunk = b""
            if chunk == b"":
                del self.readers[descriptor]
                self.wire.send("e", kind.encode())
                return
            if kind == "C":
                self.tell("U", self.use())
            self.wire.send(kind, chunk)

        self.readers[descriptor] = forward

    def reap(self, process):
        _, status, _ = os.wait4(self.driver, 0)
        del self.readers[process]
        os.close(process)
        code = os.waitstatus_to_exitcode(status)
        end = {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": -code}
        self.tell("E", {**end, **self.use()})

    def kill(self):
        """Ends everything in the sandbox, and answers when nothing of it is alive."""
        write("cpu.max", "max 100000", self.cgroup)
        write("cgroup.kill", "1", self.cgroup)
        deadline = time.monotonic() + 5
        while "populated 1" in self.read("cgroup.events") and time.monotonic() < deadline:
            time.sleep(0.002)
        self.tell("K", self.use())

    # What it used

    def read(self, name):
        descriptor = os.open(name, os.O_RDONLY, dir_fd=self.cgroup)
        try:
            return os.read(descriptor, 4096).decode()
        finally:
            os.close(descriptor)

    def count(self, name, word):
        for line in self.read(name).splitlines():
            if line.startswith(word + " "):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        return self.count("cpu.stat", "usage_usec") / 1e6

    def use(self):
        return {
            "cpuSeconds": max(0, self.cpu_seconds() - getattr(self, "before", 0)),
            "peakBytes": int(self.read("memory.peak")),
            "oomKills": self.count("memory.events", "oom_kill"),
            "processLimitHits": self.count("pids.events", "max"),
            "diskFull": files.is_full(self.scratch),
        }


def set_clock(milliseconds):
    time.clock_settime_ns(time.CLOCK_REALTIME, int(milliseconds) * 1_000_000)


def add_entropy(descriptor, entropy):
    """Mixed in, counted, and taken into use at once: a restored guest would draw what its sisters draw."""
    fcntl.ioctl(descriptor, RNDADDENTROPY, struct.pack("ii", len(entropy) * 8, len(entropy)) + entropy)
    fcntl.ioctl(descriptor, RNDRESEEDCRNG, 0)


def become_driver(ends, plan):
    """In the child; never returns."""
    try:
        high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100) for descriptor in ends]
        for number, descriptor in enumerate(high):
            os.dup2(descriptor, number)
        kernel.close_from(len(high))
        order = plan["order"]
        run.lock_in(order, plan["settings"])
        os.set_inheritable(order["channel"], True)
        os.set_inheritable(run.STATUS, False)
        os.write(run.STATUS, LOCKED)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if not plan["gated"]:
            os.close(run.STATUS)
            if os.read(GATE, 1) == b"":
                os._exit(1)
            os.close(GATE)
        command = plan["command"]
        os.execve(command[0], command, plan["settings"]["environment"])
    except BaseException as error:  # noqa: BLE001
        try:
            os.write(run.STATUS, f"locking in: {type(error).__name__}: {error}".encode())
        finally:
            os._exit(1)


def main():
    wire = Wire(find_port())
    try:
        wire.send("H")
        Agent(wire).serve()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        wire.send("F", f"{type(error).__name__}: {error}\n{traceback.format_exc()}".encode()[-8192:])
        time.sleep(5)


if __name__ == "__main__":
    main()
