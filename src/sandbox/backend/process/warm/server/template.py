"""The template: a Python that has imported what its view allows, and forks for each run. It never runs a caller's code.

It stands where the driver stands in a cold start, under the same command, so that a run sees the interpreter it would see
there. It takes orders from the keeper alone.
"""

import sys

FRESH = frozenset(sys.modules)
sys.path.insert(0, "/tmp")

import gc  # noqa: E402
import os  # noqa: E402
import select  # noqa: E402
import socket  # noqa: E402
import traceback  # noqa: E402

import at_fork  # noqa: E402
import huge  # noqa: E402
import kernel  # noqa: E402
import pages  # noqa: E402
import pins  # noqa: E402
import run  # noqa: E402
import seeds  # noqa: E402
import warming  # noqa: E402
from lines import LineSocket  # noqa: E402

CONTROL = 3
SUPERVISOR = 4
# More than a fork is given: 6, and a file for each hierarchy of cgroups.
LOW_DESCRIPTORS = 32


class Child:
    def __init__(self, order, pid, go, status):
        self.id = order["id"]
        self.pid = pid
        self.process = os.pidfd_open(pid)
        # By which it hears that it is in its cgroup, where it waits for that.
        self.go = go
        # Where it says why it could not be locked in.
        self.status = status

    def let_go(self):
        if self.go is not None:
            os.write(self.go, b"1")
            os.close(self.go)
            self.go = None


class Template:
    def __init__(self, control, settings, drawers):
        self.control = control
        self.settings = settings
        self.drawers = drawers
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
                    child.let_go()
            elif self.fork(message):
                return message
        return None

    def fork(self, order):
        """Whether this is the child."""
        ends, ours = [], []
        entries = self.control.take(order["entries"] or 0)
        try:
            self.make_ends(order, ends, ours)
            kernel.setns(ends[-1], kernel.CLONE_NEWPID)
            if order["entries"] is None:
                go, go_out = os.pipe()
                entries.append(go)
                ours.append(go_out)
            for draw in self.drawers:
                draw()
            pid = self.fork_and_return()
        except OSError as error:
            self.control.send({"event": "failed", "id": order["id"], "message": f"the run was not forked: {error}"})
            for descriptor in (*ends, *ours, *entries):
                os.close(descriptor)
            return False
        if pid == 0:
            pages.claim(self.settings["claims"][order["rehearse"]][0])
            arrange_descriptors(ends + entries)
            if order["entries"] is None:
                os.write(run.STATUS, run.ARRANGED)
            return True
        for descriptor in (*ends, *entries):
            os.close(descriptor)
        status_in, *go_out = ours
        child = Child(order, pid, go_out[0] if go_out else None, status_in)
        self.children[child.id] = child
        self.watch(child.process, lambda: self.reap(child))
        if child.go is not None:
            self.watch(child.status, lambda: self.hear_arranged(child))
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

    def make_ends(self, order, ends, ours):
        """Adds to `ends` what the child has from 0 on, up to its init, and to `ours` the end of its status.

        The supervisor opens the other ends of the pipes through /proc, and takes the channel's by its socket.
        """
        stdin, *unneeded = os.pipe()
        ends.append(stdin)
        for _ in ("stdout", "stderr"):
            read, write = os.pipe()
            ends.append(write)
            unneeded.append(read)
        for descriptor in unneeded:
            os.close(descriptor)
        if self.settings["mapped"]:
            # So that /dev/stdout can be opened inside.
            for descriptor in ends:
                os.fchown(descriptor, order["uid"], order["gid"])
        channel = socket.socket(socket.AF_UNIX)
        channel.connect(f"/proc/self/fd/{SUPERVISOR}")
        channel.sendall(f"{order['id']} {order['secret']} {order['init']}\n".encode())
        ends.append(channel.detach())
        status_in, status = os.pipe()
        ends.append(status)
        ours.append(status_in)
        ends.append(os.pidfd_open(order["init"]))

    def hear_arranged(self, child):
        if os.read(child.status, len(run.ARRANGED)) == run.ARRANGED:
            self.control.send({"event": "forked", "id": child.id, "pid": child.pid})
        self.unwatch(child.status)

    def end_of(self, child, status):
        code = os.waitstatus_to_exitcode(status)
        end = {"code": code, "signal": None} if code >= 0 else {"code": None, "signal": -code}
        return {"event": "exited", "id": child.id, **end}

    def reap(self, child):
        _, status = os.waitpid(child.pid, 0)
        if child.status in self.watched:
            self.unwatch(child.status)
        # Whoever else could write to it is gone.
        words = os.read(child.status, 4096).removeprefix(run.ARRANGED)
        if words != b"":
            self.control.send({"event": "failed", "id": child.id, "message": words.decode(errors="replace")})
        self.control.send(self.end_of(child, status))
        self.unwatch(child.process)
        for descriptor in (child.process, child.status, child.go):
            if descriptor is not None:
                os.close(descriptor)
        del self.children[child.id]


def occupy_low_descriptors():
    """So that what a fork is to have at a low number never has another's."""
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    while os.dup(nothing) < LOW_DESCRIPTORS:
        pass


def arrange_descriptors(wanted):
    """In the child: what is wanted, and nothing else."""
    place_descriptors(wanted)
    kernel.close_from(len(wanted))
    # A supervisor that is no root may open the other ends only where the owner of /proc/PID/fd is its own user.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def place_descriptors(wanted):
    """The pipes at 0, 1 and 2, the channel at 3, what locking in needs behind it."""
    for number, descriptor in enumerate(wanted):
        os.dup2(descriptor, number)


def become_run(order, settings, requests, late):
    """The last steps before the code. `late`: pages to ask for."""
    run.lock_in(order, settings, order["entries"], late)
    run.forget_the_template(settings, requests)
    os.close(run.STATUS)


def learn_pages(driver, settings, requests):
    """What every run does is done by a fork with a program of the engine's own: nothing of it is seen by anybody."""
    nothing = os.open("/dev/null", os.O_RDWR)
    ours, theirs = socket.socketpair()
    order = {"uid": os.getuid(), "gid": os.getgid(), "entries": 0, "channel": 100, "rlimits": {}}
    code = "\n".join([*settings["refreshers"], "print('text')"]).encode()
    ours.sendall(b"token 1 -\n0mode 4 -\noncelimit 4 -\n9999code %d main.py\n%sgo 0 -\n" % (len(code), code))

    def rehearse():
        # Into namespaces in which it is already.
        own = os.pidfd_open(os.getpid())
        place_descriptors((nothing, nothing, nothing, theirs.fileno(), nothing, own))
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("tmpfs", settings["workFolder"], "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV)
        become_run(order, settings, requests, ())
        warming.run_to_end(driver, order["channel"])

    try:
        return pages.learn(rehearse)
    finally:
        os.close(nothing)
        ours.close()
        theirs.close()


def main():
    control = LineSocket(socket.socket(fileno=CONTROL))
    settings = control.receive_one()
    sys.path.remove("/tmp")
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    os.chdir(settings["workFolder"])
    reserved = huge.reserve()
    with at_fork.Requests() as requests:
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
    del reserved
    gc.collect()
    gc.disable()
    gc.freeze()
    warming.settle(driver, settings["refreshers"])
    huge.collapse()
    occupy_low_descriptors()
    template = Template(control, settings, seeds.make_drawers(requests.seeds_random))
    gc.freeze()
    # Nothing is done from here on that changes where a fork finds its memory.
    learned = learn_pages(driver, settings, requests)
    pinned = pins.pin_written(learned)
    # What is only read pays while nobody waits.
    settings["claims"] = {rehearse: learned.to_claim(pinned, reads=rehearse) for rehearse in (True, False)}
    gc.freeze()
    order = template.serve()
    # Here only in a fork.
    try:
        become_run(order, settings, requests, settings["claims"][order["rehearse"]][1])
    except BaseException as error:  # noqa: BLE001
        os.write(run.STATUS, f"locking in: {type(error).__name__}: {error}\n{traceback.format_exc()}".encode())
        os._exit(1)
    if order["rehearse"]:
        warming.rehearse_job(driver, settings["refreshers"])
    warming.serve(driver, order["channel"])


if __name__ == "__main__":
    main()
