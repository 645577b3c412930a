"""What is done ahead for a driver of Python, and how its process ends: the same wherever an interpreter is kept warm."""

import atexit
import gc
import importlib
import os
import sys
import types


# Libraries that start a pool of threads when they are loaded, unless told that one is enough.
ONE_THREAD = ("OPENBLAS", "OMP", "MKL", "BLIS", "NUMEXPR", "VECLIB", "POLARS", "RAYON")


# Eight calls make a function warm, and as many again are counted before an instruction is replaced.
_TIMES_TO_SETTLE = 30


def preload(names):
    """Imports what it can. A module that starts a thread is named: forking beside threads is not safe."""
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    skipped = {}
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - a package may raise anything, SystemExit included
            skipped[name] = f"{type(error).__name__}: {error}"
        if len(os.listdir("/proc/self/task")) > 1:
            return skipped, name
    return skipped, None


def load_driver(path, source):
    """The very driver of a cold start, as a module."""
    module = types.ModuleType("driver")
    module.__file__ = path
    sys.path.append(os.path.dirname(path))
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    return module


def prefer_given_files(driver, fresh):
    """A file that comes with the job hides a module of its name, as it would where nothing was imported ahead.

    `fresh`: modules that every interpreter has loaded when it starts, which no file hides.
    """
    lay_files = driver.lay_files

    def lay_and_forget(job):
        path = lay_files(job)
        if not job.files:
            return path  # Looking through the names of all modules would write to every one of them.
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


def rehearse_job(driver, programs):
    """Does with programs of the engine's own what the driver does with a job, but for files, what is printed and the report.

    A run does it while it waits for its job: the first use of each page after a fork is slow, and this way the job finds
    most of them in use.
    """
    runner = driver.Runner(None)
    finish = driver.make_finisher(lambda *frames: None, runner.encode, 1 << 16, runner.pid)
    for program in programs:
        namespace = {"__name__": "rehearsal"}
        try:
            finish(namespace, runner.evaluate(program, "rehearsal", namespace))
        except Exception:  # noqa: BLE001 - a package that is not as it was expected to be
            pass
    flush()
    gc.collect()


def settle(driver, programs):
    """Does it so often that the interpreter has made up its mind about the code: until then it writes to it at each call.

    CPython 3.11 and later put faster instructions in place of those that they have seen do the same a few times.
    """
    for _ in range(_TIMES_TO_SETTLE):
        rehearse_job(driver, programs)


def serve(driver, channel):
    """Runs the driver to its end, and ends the process as the interpreter would. Never returns."""
    os._exit(run_to_end(driver, channel))


def run_to_end(driver, channel):
    """The process's exit code, after everything that the end of an interpreter does but for what only costs time.

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
    return code if flush() and flushed else code or 120


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
