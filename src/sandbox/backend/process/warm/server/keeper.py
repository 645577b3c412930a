"""The keeper: pid 1 of the server. Carries out what the supervisor asks, and kills at deadlines by a clock of its own.

Messages, one JSON object on a line. From the supervisor:

    prepare {id, ...}   start the run's init in namespaces of its own, then fork the run from the template; it enters its
                        cgroup itself by `entry`, locks itself in and boots the driver, which says so on the channel
    go {id}             the run is in its cgroup; it waits for that where `entry` is null
    arm {id, ms}        kill it after so long; null: not at all
    kill {id}           kill it now

To the supervisor: `forked {id, pid}` (only where the run waits), `failed {id, message}`, `exited {id, code, signal,
deadline}`, `gone {id}` (nothing of the run is alive). Pids are of the server's pid namespace.

Each message wakes whoever it is for, which costs more than to make it: where nobody waits for one it goes with the next.
"""

import os
import select
import signal
import socket
import sys
import time

import init
import kernel
import root
from lines import LineSocket

TEMPLATE_CAPABILITIES = (
    kernel.CAP_CHOWN,
    kernel.CAP_SETGID,
    kernel.CAP_SETUID,
    kernel.CAP_SYS_CHROOT,
    kernel.CAP_SYS_ADMIN,
)

TEMPLATE_MODULES = (
    "at_fork",
    "huge",
    "kernel",
    "landlock",
    "lines",
    "pages",
    "pins",
    "run",
    "seeds",
    "template",
    "warming",
)

# Where the template finds its end of the line, and the supervisor's socket.
TEMPLATE_CONTROL = 3
TEMPLATE_SUPERVISOR = 4

# What a run may have left behind is ended so long after its first process, unless the supervisor says so before. It looks
# first whether there is anything: where nothing is, nobody has to wait for the end of the init.
AFTERMATH_MS = 3
# A message for which nobody waits goes after so long by itself.
LATER_MS = 20


class Run:
    """What the keeper knows of one run, from `prepare` until `gone`."""

    def __init__(self, order):
        self.order = order
        self.init_pid = 0
        self.init = -1  # pidfd
        self.init_ended = False
        # Whether the template was told to fork it, and has not said yet how that ended.
        self.forking = False
        self.deadline = None
        self.timed_out = False
        # Whether its first process has ended.
        self.exited = False
        # Whether the supervisor waits for its end.
        self.awaited = False


class Keeper:
    def __init__(self, control, settings, supervisor, groups, sources):
        self.groups = groups
        self.control = control
        self.settings = settings
        self.supervisor = supervisor
        self.sources = sources
        self.runs = {}
        self.unsent = []
        self.send_by = None
        self.watched = {}
        self.poll = select.poll()
        self.template = None
        self.starter = None
        self.operations = {
            "prepare": self.prepare,
            "go": self.let_go,
            "arm": self.arm,
            "kill": self.kill,
        }

    def watch(self, descriptor, action):
        self.watched[descriptor] = action
        self.poll.register(descriptor, select.POLLIN)

    def serve(self):
        self.watch(self.control.fileno(), self.obey)
        while True:
            self.serve_once()

    def serve_once(self):
        for descriptor, _ in self.poll.poll(self.milliseconds_to_deadline()):
            # An earlier action of this round may have ended what this one is about.
            action = self.watched.get(descriptor)
            if action is not None:
                action()
        self.kill_late_runs()
        if self.send_by is not None and self.send_by <= time.monotonic():
            self.tell()

    def tell(self, *messages):
        """With what was left for later, in the order in which it was said."""
        self.unsent += messages
        self.control.send(*self.unsent)
        self.unsent = []
        self.send_by = None

    def tell_later(self, message):
        self.unsent.append(message)
        if self.send_by is None:
            self.send_by = time.monotonic() + LATER_MS / 1000

    def obey(self):
        messages = self.control.receive()
        if messages is None:
            os._exit(0)  # The supervisor is gone; with its pid 1 goes everything in the server.
        for message in messages:
            self.operations[message["op"]](message)

    # Deadlines

    def arm(self, message):
        run = self.runs.get(message["id"])
        if run is not None and not run.exited:
            run.deadline = None if message["ms"] is None else time.monotonic() + message["ms"] / 1000

    def milliseconds_to_deadline(self):
        deadlines = [run.deadline for run in self.runs.values() if run.deadline is not None]
        if self.send_by is not None:
            deadlines.append(self.send_by)
        if not deadlines:
            return None
        return max(0, int((min(deadlines) - time.monotonic()) * 1000) + 1)

    def kill_late_runs(self):
        now = time.monotonic()
        for run in self.runs.values():
            if run.deadline is not None and run.deadline <= now:
                run.deadline = None
                run.timed_out = True
                self.lift_quota(run)
                kernel.kill_by_pidfd(run.init, signal.SIGKILL)

    def lift_quota(self, run):
        """A throttled tree dies slowly. The supervisor does the same where it is not stuck."""
        if self.groups is None:
            return
        for path, text in run.order["lift"]:
            try:
                descriptor = os.open(path, os.O_WRONLY, dir_fd=self.groups)
                try:
                    os.write(descriptor, text.encode())
                finally:
                    os.close(descriptor)
            except OSError:
                pass  # The group is gone already: so is what was in it.

    # The life of a run

    def prepare(self, order):
        run = Run(order)
        try:
            run.init_pid = self.starter.start(order)
        except init.NotStarted as error:
            self.tell(
                {"event": "failed", "id": order["id"], "message": str(error)},
                {"event": "gone", "id": order["id"]},
            )
            return
        run.init = os.pidfd_open(run.init_pid)
        self.runs[order["id"]] = run
        self.watch(run.init, lambda: self.hear_end(run))
        self.order_fork(run)

    def order_fork(self, run):
        # What the template knows is in the memory of each run: nothing of the host's groups.
        order = {key: value for key, value in run.order.items() if key not in ("lift", "entry")}
        entry = run.order["entry"]
        entries = []
        try:
            for path in entry or ():
                entries.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.groups))
            run.forking = True
            count = None if entry is None else len(entries)
            self.template.send_with({**order, "op": "fork", "init": run.init_pid, "entries": count}, entries)
        except OSError as error:
            run.forking = False
            message = f"the cgroup of the run: {type(error).__name__}: {error}"
            self.tell({"event": "failed", "id": order["id"], "message": message})
        finally:
            for descriptor in entries:
                os.close(descriptor)

    def let_go(self, message):
        self.template.send(message)

    def kill(self, message):
        run = self.runs.get(message["id"])
        if run is not None:
            run.awaited = True
            kernel.kill_by_pidfd(run.init, signal.SIGKILL)

    def hear_end(self, run):
        """The run's init has ended, and the kernel lets it end only after everything in its pid namespace.

        The template, which reaped the run before, may not have said so yet: how a run ended is told before it is gone.
        """
        del self.watched[run.init]
        self.poll.unregister(run.init)
        run.init_ended = True
        if not run.forking:
            self.bury(run)

    def bury(self, run):
        os.waitpid(run.init_pid, 0)
        os.close(run.init)
        del self.runs[run.order["id"]]
        gone = {"event": "gone", "id": run.order["id"]}
        if run.awaited:
            self.tell(gone)
        else:
            self.tell_later(gone)

    # The template

    def start_template(self):
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            become_template(theirs.fileno(), self.supervisor, self.settings, self.sources)
        theirs.close()
        os.close(self.supervisor)
        self.template = LineSocket(ours)
        self.watch(ours.fileno(), self.hear_template)
        template = {key: self.settings[key] for key in ("mapped", "environment", "preload")}
        self.template.send({**template, **self.settings["template"], "ownModules": TEMPLATE_MODULES})

    def hear_template(self):
        messages = self.template.receive()
        if messages is None:
            os._exit(1)  # Died. The supervisor starts a new server.
        for message in messages:
            run = self.runs.get(message.get("id"))
            if message["event"] == "exited" and run is not None:
                message["deadline"] = run.timed_out
                run.exited = True
                run.deadline = time.monotonic() + AFTERMATH_MS / 1000
            self.tell(message)
            if message["event"] in ("exited", "failed") and run is not None:
                run.forking = False
                if run.init_ended:
                    self.bury(run)


def read_sources():
    """What the template runs, read while the host can still be seen."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sources = {}
    for name in TEMPLATE_MODULES:
        with open(os.path.join(folder, f"{name}.py"), encoding="utf-8") as file:
            sources[f"{name}.py"] = file.read()
    return sources


def become_template(control, supervisor, settings, sources):
    """A fresh interpreter with the very command of a cold start, but for what it finds where the driver should be."""
    try:
        kernel.unshare(kernel.CLONE_NEWNS)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        for folder in ("/tmp", "/work"):
            kernel.mount("tmpfs", folder, "tmpfs", flags, "size=16m,nr_inodes=1024,mode=0755")
        for name, source in sources.items():
            with open(f"/tmp/{name}", "w", encoding="utf-8") as file:
                file.write(source)
        driver = settings["template"]["driver"]
        kernel.mount("/tmp/template.py", driver, None, kernel.MS_BIND)
        # No terminal, no file: what the interpreter finds out about its standard streams holds for the runs' pipes too.
        nothing, writer = os.pipe()
        os.close(writer)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        # Descriptors that an exec leaves open, at the numbers where the template looks for them.
        spare = [os.dup(control), os.dup(supervisor)]
        os.dup2(spare[0], TEMPLATE_CONTROL)
        os.dup2(spare[1], TEMPLATE_SUPERVISOR)
        kernel.close_from(TEMPLATE_SUPERVISOR + 1)
        kernel.die_with_parent(0)
        kernel.keep_capabilities(TEMPLATE_CAPABILITIES)
        command = settings["command"]
        os.execve(command[0], command, settings["environment"])
    except BaseException as error:  # noqa: BLE001
        sys.stderr.write(f"the template could not start: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(1)


def main(control, supervisor, groups, settings):
    """Never returns."""
    try:
        kernel.die_with_parent(0)
        sources = read_sources()
        root.build(settings["mounts"], settings["folders"])
        keeper = Keeper(control, settings, supervisor, groups, sources)
        keeper.start_template()
        keeper.starter = init.Starter()
        control.send({"event": "started"})
        keeper.serve()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the supervisor must hear of it
        control.send({"event": "broken", "message": f"{type(error).__name__}: {error}"})
        sys.stderr.flush()
        os._exit(1)
