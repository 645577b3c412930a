import { pythonValues } from "./python-values.js";

/**
 * The driver of Python, as source. It is a program (cold: `python3 driver.py CHANNEL`) and a module (the fork server
 * imports it before it forks, and calls `serve(channel)` in the child).
 *
 * It imports next to nothing, because each import is paid by each cold run, and keeps its own references to what it
 * needs after the code has run, because the code may replace anything that has a name.
 */
export const pythonDriver = String.raw`"""Takes a job from the channel, runs it as __main__, reports what came of it."""
import os
import sys

WORK_FOLDER = "/work"
TEXT_LIMIT = 262144
DEEPEST = 100


class Job:
    def __init__(self):
        self.token = ""
        self.mode = "once"
        self.limit = 0
        self.env = []
        self.files = []
        self.args = []
        self.inputs = None
        self.name = "main.py"
        self.code = b""


class Channel:
    """Buffered reading of records and writing of frames. See channel/job.ts and channel/frame-reader.ts."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.buffer = bytearray()
        self.write_all = make_writer(descriptor)

    def fill(self):
        chunk = os.read(self.descriptor, 1 << 16)
        if not chunk:
            os._exit(0)
        self.buffer += chunk

    def line(self):
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                line = bytes(self.buffer[:end])
                del self.buffer[: end + 1]
                return line
            self.fill()

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        payload = bytes(self.buffer[:size])
        del self.buffer[:size]
        return payload

    def read_job(self):
        job = Job()
        while True:
            kind, size, name = self.line().decode("ascii").split(" ")
            payload = self.take(int(size))
            if kind == "go":
                return job
            if kind in ("token", "mode"):
                setattr(job, kind, payload.decode("ascii"))
            elif kind == "limit":
                job.limit = int(payload)
            elif kind == "env":
                job.env.append((name, payload.decode("utf-8")))
            elif kind == "file":
                job.files.append((decode_name(name), payload))
            elif kind == "arg":
                job.args.append(payload.decode("utf-8"))
            elif kind == "inputs":
                job.inputs = payload
            elif kind == "code":
                job.name, job.code = name, payload


def make_writer(descriptor):
    write = os.write

    def write_all(data):
        view = memoryview(data)
        try:
            while len(view) > 0:
                view = view[write(descriptor, view) :]
        except OSError:
            pass  # The code closed the channel: it has no value, and that is all.

    return write_all


def decode_name(name):
    if "%" not in name:
        return os.fsencode(name)
    parts = name.split("%")
    decoded = parts[0].encode("ascii")
    for part in parts[1:]:
        decoded += bytes([int(part[:2], 16)]) + part[2:].encode("ascii")
    return decoded


def lay_files(job):
    root = os.fsencode(WORK_FOLDER)
    for name, content in job.files:
        path = root + b"/" + name
        folder = os.path.dirname(path)
        if folder != root:
            os.makedirs(folder, exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    path = WORK_FOLDER + "/" + job.name
    with open(path, "wb") as file:
        file.write(job.code)
    return path


${pythonValues}# --- running ----------------------------------------------------------------------------------------------------------


class Runner:
    """Runs pieces of code in one namespace and reports each."""

    def __init__(self, channel):
        self.channel = channel
        self.pid = os.getpid()
        self.encode = make_encoder()
        import _ast
        import types

        self.ast = _ast
        self.main = types.ModuleType("__main__")
        self.main.__dict__.update(__builtins__=sys.modules["builtins"], inputs={})
        self.main.__spec__ = None

    def prepare(self, job):
        path = lay_files(job)
        for name, text in job.env:
            os.environ[name] = text
        sys.argv = [path] + job.args
        os.chdir(WORK_FOLDER)
        if WORK_FOLDER not in sys.path:
            sys.path.insert(0, WORK_FOLDER)
        if job.inputs is not None:
            import json

            self.main.inputs = json.loads(job.inputs)
        self.main.__file__ = path
        sys.modules["__main__"] = self.main
        return path

    def run(self, job):
        """Exit code of the piece, or the SystemExit that it ended with."""
        path = self.prepare(job)
        send = make_sender(self.channel.write_all, job.token)
        finish = make_finisher(send, self.encode, job.limit, self.pid)
        report = make_reporter(send, self.pid)
        namespace = self.main.__dict__
        namespace.pop("result", None)
        try:
            last = self.evaluate(job.code, path, namespace)
            save_open_plots()
        except SystemExit as leaving:
            if leaving.code in (None, 0):
                finish(namespace, None)
            return leaving
        except BaseException as error:
            report(error, path)
            return 1
        finish(namespace, last)
        return 0

    def evaluate(self, source, path, namespace):
        tree = compile(source, path, "exec", 0x400)  # PyCF_ONLY_AST
        last = None
        if tree.body and isinstance(tree.body[-1], self.ast.Expr):
            last = self.ast.Expression(tree.body.pop().value)
        exec(compile(tree, path, "exec", 0, True), namespace)
        return None if last is None else eval(compile(last, path, "eval", 0, True), namespace)


def make_sender(write_all, token):
    def send(*frames):
        """Each a kind and its payload. In one write: each wakes the supervisor."""
        signed = [b"%s %s %d\n" % (token.encode("ascii"), kind, len(payload)) + payload for kind, payload in frames]
        write_all(b"".join(signed))

    return send


def make_finisher(send, encode, limit, pid):
    getpid = os.getpid
    kinds = (type(os), type, type(make_sender), type(len))

    def finish(namespace, last):
        if getpid() != pid:
            return  # A fork of the code has come to the end of it: only the first process reports.
        value = namespace.get("result")
        if value is None or isinstance(value, kinds):
            value = last
        if value is None:
            return
        frames = []
        try:
            text = repr(value)
            if len(text) > TEXT_LIMIT:
                text = text[:TEXT_LIMIT] + "..."
            frames.append((b"text", text.encode("utf-8", "backslashreplace")))
        except Exception:
            pass
        try:
            frames.append((b"value", encode(value, limit).encode("utf-8", "backslashreplace")))
        except NoData as reason:
            frames.append((b"omitted", str(reason).encode("utf-8", "backslashreplace")))
        except Exception as error:
            reason = "it could not be turned into data: %s" % type(error).__name__
            frames.append((b"omitted", reason.encode("utf-8", "backslashreplace")))
        send(*frames)

    return finish


def make_reporter(send, pid):
    getpid = os.getpid
    driver = make_reporter.__code__.co_filename

    def report(error, path):
        import traceback

        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == driver:
            trace = trace.tb_next
        kind = type(error).__name__
        try:
            message = str(error)
        except BaseException:
            message = ""
        line = error.lineno if isinstance(error, SyntaxError) else None
        step = trace
        while step is not None:
            if step.tb_frame.f_code.co_filename == path:
                line = step.tb_lineno
            step = step.tb_next
        try:
            text = "".join(traceback.format_exception(type(error), error, trace))
        except BaseException:
            text = "%s: %s\n" % (kind, message)
        try:
            flush(sys.stdout)
            sys.stderr.write(text)
            flush(sys.stderr)
        except BaseException:
            pass
        if getpid() == pid:
            send((b"error", error_json(kind, message[:65536], text[-65536:], line)))

    return report


def error_json(kind, message, text, line):
    fields = make_encoder()({"type": kind, "message": message, "traceback": text, "line": line}, 1 << 24)
    return fields.encode("utf-8", "backslashreplace")


def save_open_plots():
    """As a notebook does: figures that are open at the end of a piece are shown."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    try:
        import orchestrator_plots

        orchestrator_plots.save_all(pyplot)
    except Exception as error:
        print("the plot could not be saved: %s" % error, file=sys.stderr)


def flush(stream):
    try:
        stream.flush()
    except BaseException:
        pass


def exit_code_of(leaving):
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def serve(descriptor):
    """Runs jobs until there is none. Returns the exit code, or raises SystemExit as the code did."""
    os.set_inheritable(descriptor, False)
    channel = Channel(descriptor)
    channel.write_all(b"ready\n")
    # What a piece of a session printed is told from what the next one prints; see channel/job.ts.
    ends = (make_writer(1), make_writer(2))
    job = channel.read_job()
    runner = Runner(channel)
    outcome = runner.run(job)
    while job.mode == "session":
        code = exit_code_of(outcome) if isinstance(outcome, SystemExit) else outcome
        flush(sys.stdout)
        flush(sys.stderr)
        if isinstance(outcome, SystemExit):
            break
        for write_end in ends:
            write_end(job.token.encode("ascii") + b" end\n")
        make_sender(channel.write_all, job.token)((b"done", b"%d" % code))
        job = channel.read_job()
        outcome = runner.run(job)
    if isinstance(outcome, SystemExit):
        raise outcome
    return outcome


if __name__ == "__main__":
    driver_module = sys.modules["__main__"]  # Kept alive: the code gets a module of its own under this name.
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    sys.exit(serve(int(sys.argv[1])))
`;
