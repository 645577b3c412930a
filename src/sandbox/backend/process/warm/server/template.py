"""The template: a Python that has imported what its view allows, and forks for each run. It never runs a caller's code.

It stands where the driver stands in a cold start, under the same command, so that a run sees the interpreter it would see
there. It takes orders from the keeper alone.
"""

import sys

FRESH = frozenset(sys.modules)
sys.path.insert(0, "/tmp")

import fcntl  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
import select  # noqa: E402
import socket  # noqa: E402
import traceback  # noqa: E402

import kernel  # noqa: E402
import pages  # noqa: E402
import pins  # noqa: E402
import run  # noqa: E402
import warming  # noqa: E402
from lines import LineSocket, encode  # noqa: E402

CONTROL = 3
SUPERVISOR = 4


class Child:
    def __init__(self, order, pid, go, status):
        self.id = order["id"]
        self.pid = pid
        self.process = os.pidfd_open(pid)
        self.go = go
        self.status = status


class Template:
    def __init__(self, control, settings, driver):
        self.control = control
        self.settings = settings
        self.driver = driver
        self.children = {}
        self.watched = {}
        self.poll = select.poll()
        self.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def watch(self, descriptor, action):
        self.watched[descriptor] = action
        self.poll.register(descriptor, select.POLLIN)

    def unwatch(self, descriptor):
        del self.watched[descriptor]
        self.poll.unregister(descriptor)
        os.close(descriptor)

    def serve(self):
        """Returns what a forked run has to do, in the run; never returns in the template."""
        self.watch(self.control.fileno(), self.obey)
        while True:
            for descriptor, _ in self.poll.poll():
                action = self.watched.get(descriptor)
                order = None if action is None else action()
                if order is not None:
                    return order

    def obey(self):
        messages = self.control.receive()
        if messages is None:
            os._exit(0)
        for message in messages:
            if message["op"] == "go":
                child = self.children.get(message["id"])
                if child is not None:
                    os.write(child.go, b"1")
            elif self.fork(message):
                return message
        return None

    def fork(self, order):
        """Whether this is the child."""
        ends = []
        entries = self.control.take(order["entries"])
        try:
            ends = self.make_ends(order)
            init = os.pidfd_open(order["init"])
            ends.append(init)
            kernel.setns(init, kernel.CLONE_NEWPID)
            pid = self.fork_and_return()
        except OSError as error:
            self.control.send({"event": "failed", "id": order["id"], "message": f"the run was not forked: {error}"})
            for descriptor in (*ends, *entries):
                os.close(descriptor)
            return False
        if pid == 0:
            pages.claim(self.settings["early"])
            arrange_descriptors(ends, entries)
            return True
        stdin, stdout, stderr, channel, go, go_out, status_in, status, init = ends
        for descriptor in (stdin, stdout, stderr, channel, go, status, init, *entries):
            os.close(descriptor)
        child = Child(order, pid, go_out, status_in)
        self.children[child.id] = child
        self.watch(child.process, lambda: self.reap(child))
        self.watch(child.status, lambda: self.hear(child))
        return False

    def fork_and_return(self):
        """Forks into the pid namespace that was joined; the parent then comes back to its own."""
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                kernel.setns(self.pid_namespace, kernel.CLONE_NEWPID)
        return pid

    def make_ends(self, order):
        """The supervisor opens the other ends of the pipes through /proc, and takes the channel's by its socket."""
        stdin_read, stdin_write = os.pipe()
        stdout_read, stdout_write = os.pipe()
        stderr_read, stderr_write = os.pipe()
        for unneeded in (stdin_write, stdout_read, stderr_read):
            os.close(unneeded)
        if self.settings["mapped"]:
            # So that /dev/stdout can be opened inside.
            for descriptor in (stdin_read, stdout_write, stderr_write):
                os.fchown(descriptor, order["uid"], order["gid"])
        channel = socket.socket(socket.AF_UNIX)
        channel.connect(f"/proc/self/fd/{SUPERVISOR}")
        channel.sendall(f"{order['id']} {order['secret']}\n".encode())
        go, go_out = os.pipe()
        status_in, status = os.pipe()
        return [stdin_read, stdout_write, stderr_write, channel.detach(), go, go_out, status_in, status]

    def hear(self, child):
        words = os.read(child.status, 4096)
        if words == run.ARRANGED:
            self.control.send({"event": "forked", "id": child.id, "pid": child.pid})
            return
        self.unwatch(child.status)
        child.status = -1
        if words == run.LOCKED:
            self.control.send({"event": "ready", "id": child.id})
            self.rehearse_end(child)
        else:
            text = words.decode(errors="replace") or "the run died while it was locked in"
            self.control.send({"event": "failed", "id": child.id, "message": text})

    def rehearse_end(self, child):
        """Most of what `reap` does, and only then is it quick: each fork leaves the template's own pages to be copied anew."""
        descriptor = os.dup(child.go)
        self.watch(descriptor, lambda: self.end_of(child, 0))
        encode(self.watched[descriptor]())
        self.unwatch(descriptor)

    def end_of(self, child, status):
        code = os.waitstatus_to_exitcode(status)
        end = {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": -code}
        return {"event": "exited", "id": child.id, **end}

    def reap(self, child):
        _, status = os.waitpid(child.pid, 0)
        if child.status >= 0:
            self.hear(child)
        self.control.send(self.end_of(child, status))
        self.unwatch(child.process)
        os.close(child.go)
        del self.children[child.id]


def arrange_descriptors(ends, entries):
    """In the child: the pipes at 0, 1 and 2, the channel at 3, what locking in needs behind it, and nothing else."""
    stdin, stdout, stderr, channel, go, _, _, status, init = ends
    wanted = (stdin, stdout, stderr, channel, go, status, init, *entries)
    # Out of each other's way first: any of them may already have another's number.
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100) for descriptor in wanted]
    for number, descriptor in enumerate(high):
        os.dup2(descriptor, number)
    kernel.close_from(len(high))
    # A supervisor that is no root may open the other ends only where the owner of /proc/PID/fd is its own user.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    os.write(run.STATUS, run.ARRANGED)


def dry_run(driver, settings):
    """What every run does, with a program of the engine's own: nothing of it is seen by anybody."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("tmpfs", settings["workFolder"], "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV)
    ours, theirs = socket.socketpair()
    os.dup2(theirs.detach(), run.CHANNEL, inheritable=False)
    channel = 100  # Any number that nothing has here.
    run.build_wall({"channel": channel, "rlimits": {}}, settings)
    run.forget_the_template(settings)
    code = "\n".join([*settings["refreshers"], "print('text')"]).encode()
    ours.sendall(b"token 1 -\n0mode 4 -\noncelimit 4 -\n9999code %d main.py\n%sgo 0 -\n" % (len(code), code))
    warming.run_to_end(driver, channel)


def main():
    control = LineSocket(socket.socket(fileno=CONTROL))
    settings = control.receive_one()
    sys.path.remove("/tmp")
    own_modules = ["kernel", "landlock", "lines", "pages", "pins", "run", "warming"]
    settings["ownModules"] = own_modules
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    os.chdir(settings["workFolder"])
    skipped, threaded = warming.preload(settings["preload"])
    if threaded is None:
        warming.rehearse(settings["rehearsals"])
    control.send({"event": "preloaded", "skipped": skipped, "threaded": threaded})
    if threaded is not None:
        os._exit(0)
    driver = warming.load_driver(settings["driver"], settings["driverSource"])
    warming.prefer_given_files(driver, FRESH)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ.clear()
    os.environ.update(settings["environment"])
    gc.collect()
    gc.disable()
    gc.freeze()
    early, late = pages.learn(lambda: dry_run(driver, settings))
    settings["early"], settings["late"] = pins.pin_written(early, late)
    template = Template(control, settings, driver)
    order = template.serve()
    # Here only in a fork.
    try:
        run.lock_in(order, settings, order["entries"])
        run.forget_the_template(settings)
        os.write(run.STATUS, run.LOCKED)
        os.close(run.STATUS)
    except BaseException as error:  # noqa: BLE001
        os.write(run.STATUS, f"locking in: {type(error).__name__}: {error}\n{traceback.format_exc()}".encode())
        os._exit(1)
    if order["rehearse"]:
        warming.rehearse_job(driver, settings["refreshers"])
    warming.serve(driver, order["channel"])


if __name__ == "__main__":
    main()
