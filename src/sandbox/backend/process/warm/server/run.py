"""The last steps of a forked run, from the trusted template to the driver's first line. Seccomp comes last."""

import atexit
import gc
import os
import resource
import sys

import kernel
import landlock

# 0, 1 and 2 are the pipes, 3 the channel until it gets the number that the order gives it.
CHANNEL = 3
GO = 4
STATUS = 5
INIT = 6

JOINED = (
    kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
)

# What a run says on its status pipe: its descriptors are where the supervisor looks for them; the wall stands.
ARRANGED = b"arranged"
LOCKED = b"locked"


def lock_in(order, settings):
    """Takes on the wall. Throws where any part of it cannot be had."""
    if os.read(GO, 1) == b"":
        os._exit(1)
    os.close(GO)
    os.setsid()
    kernel.setns(INIT, JOINED)
    os.close(INIT)
    os.chdir(settings["workFolder"])
    user, group = order["uid"], order["gid"]
    if settings["mapped"]:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    # A change of user closes /proc/self to its own process.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    kernel.unshare(kernel.CLONE_NEWUSER)
    kernel.map_single_user(settings["insideUser"], user, settings["insideGroup"], group)
    kernel.drop_capabilities()
    kernel.die_with_parent(0)
    _move_channel(order["channel"])
    for name, value in order["rlimits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if settings["landlock"]:
        landlock.restrict(settings["writable"])
    kernel.install_seccomp(bytes.fromhex(order["seccomp"]))


def _move_channel(number):
    """Beyond what the code may open. Whoever holds a descriptor keeps it when the limit comes down."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.dup2(CHANNEL, number, inheritable=False)
    os.close(CHANNEL)


def forget_the_template(settings):
    """What the template knew and drew is not to be seen or drawn again."""
    for name in settings["ownModules"]:
        sys.modules.pop(name, None)
    os.environ.clear()
    os.environ.update(settings["environment"])
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    gc.enable()


def prefer_given_files(driver, fresh):
    """A file that comes with the job hides a module of its name, as it would where nothing was imported ahead.

    `fresh`: modules that every interpreter has loaded when it starts, which no file hides.
    """
    lay_files = driver.lay_files

    def lay_and_forget(job):
        path = lay_files(job)
        given = {os.fsdecode(name).split("/")[0].removesuffix(".py") for name, _ in job.files} - fresh
        for name in [name for name in sys.modules if name.split(".")[0] in given]:
            del sys.modules[name]
        return path

    driver.lay_files = lay_and_forget


def rehearse(programs):
    """Runs programs of the engine's own, for what is slow the first time. One that fails does no harm."""
    for program in programs:
        try:
            exec(compile(program, "rehearsal", "exec", dont_inherit=True), {"__name__": "rehearsal"})
        except Exception:  # noqa: BLE001 - a package that is not as it was expected to be
            pass


def serve(driver, channel):
    """Runs the driver to its end, and ends the process as the interpreter would, without what only costs time.

    Taking the whole interpreter down takes 30 ms where pandas is loaded, and nobody would see it: what the code itself
    has left behind is finalised, what the template had imported is not.
    """
    try:
        code = driver.serve(channel)
    except SystemExit as leaving:
        code = driver.exit_code_of(leaving)
    threading = sys.modules.get("threading")
    if threading is not None:
        attempt(threading._shutdown)
    attempt(atexit._run_exitfuncs)
    flushed = flush()
    clear(sys.modules.get("__main__"))
    gc.collect()
    os._exit(code if flush() and flushed else code or 120)


def attempt(step):
    try:
        step()
    except BaseException:  # noqa: BLE001 - the code's own doing
        sys.excepthook(*sys.exc_info())


def flush():
    """Whether both standard streams could be flushed; if not, the interpreter's own exit code for it is 120."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except BaseException:  # noqa: BLE001 - the code may have put anything in their place
        return False
    return True


def clear(module):
    """In the interpreter's order: private names first, then the others, the builtins never."""
    names = getattr(module, "__dict__", {})
    for private in (True, False):
        for name in list(names):
            if name != "__builtins__" and (not private or (name[:1] == "_" and name[1:2] != "_")):
                names[name] = None
