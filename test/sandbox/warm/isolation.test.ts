/**
 * No two runs share any state, and no run touches the server that forked it. Each test lets one run do its worst and
 * looks with the next, in the very same pool.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SandboxExecutionResult } from "#src/model/sandbox.js";
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";

const manager = new SandboxManager({
  defaults: {
    runtime: "process",
    ...{ memoryLimit: "256MiB", processLimit: 32, timeLimit: 60 },
    allowedPackages: ["numpy"],
    onUnsupported: ["memoryLimit", "cpuQuota"],
  },
});

beforeAll(async () => {
  expect((await python("print('ready')")).warm, "the fork server serves").toBe(true);
});

afterAll(() => manager.close());

async function python(code: string): Promise<SandboxExecutionResult> {
  return manager.executeCode(code, { language: "python" });
}

/** The value of a run that must succeed. */
async function worthOf(code: string): Promise<unknown> {
  const result = await python(code);
  expect(result.verdict, result.stderr).toBe("ok");
  expect(result.warm).toBe(true);
  return result.value;
}

describe("what one run does is not there in the next", () => {
  test("modules, builtins, environment, files, settings of the interpreter", async () => {
    const poison = `
import builtins, sys, os, json, math, signal, threading, random, warnings, gc, locale, decimal
builtins.print = None
builtins.leak = 1
sys.modules["json"] = None
json.dumps = lambda *a: "leak"
math.pi = 3
os.environ["X"] = "leak"
sys.path.insert(0, "/tmp")
sys.setrecursionlimit(77)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
decimal.getcontext().prec = 3
gc.disable()
os.nice(5)
import numpy
numpy.zeros = None
numpy.seterr(all="raise")
for folder in ("/tmp", "/dev/shm", "/work"):
    open(folder + "/leak", "w").write("1")
os.makedirs("/tmp/.local/lib/python3.11/site-packages", exist_ok=True)
open("/tmp/.local/lib/python3.11/site-packages/usercustomize.py", "w").write("import builtins; builtins.leak = 2")
os.umask(0o777)
`;
    expect((await python(poison)).verdict).toBe("ok");
    const clean = `
import builtins, sys, os, json, math, signal, gc, decimal
import numpy
result = {
  "builtins": builtins.print is not None and not hasattr(builtins, "leak"),
  "json": json.dumps(1),
  "pi": round(math.pi, 1),
  "environment": os.environ.get("X"),
  "path": "/tmp" in sys.path,
  "recursion": sys.getrecursionlimit(),
  "signal": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
  "precision": decimal.getcontext().prec,
  "gc": gc.isenabled(),
  "umask": os.umask(0o22),
  "nice": os.nice(0),
  "numpy": numpy.zeros(2).tolist(),
  "errors": numpy.geterr()["divide"],
  "left": sorted(os.listdir("/tmp")) + sorted(os.listdir("/dev/shm")),
  "work": sorted(os.listdir("/work")),
}`;
    expect(await worthOf(clean)).toEqual({
      builtins: true,
      json: "1",
      pi: 3.1,
      environment: null,
      path: false,
      recursion: 1000,
      signal: true,
      precision: 28,
      gc: true,
      umask: 0o22,
      nice: 0,
      numpy: [0, 0],
      errors: "warn",
      left: [],
      work: ["main.py"],
    });
  });

  test("random numbers of every source differ", async () => {
    const draw = `
import random, os, uuid, secrets, ssl, tempfile
import numpy
result = [random.random(), numpy.random.random(), float(numpy.random.default_rng().random()), os.urandom(8).hex(),
          uuid.uuid4().hex, secrets.token_hex(8), ssl.RAND_bytes(8).hex(), os.path.basename(tempfile.mkdtemp())]`;
    const runs = (await Promise.all([1, 2, 3, 4].map(() => worthOf(draw)))) as unknown[][];
    for (let source = 0; source < runs[0]!.length; source++) {
      const drawn = runs.map((run) => run[source]);
      expect(new Set(drawn).size, `source ${source}: ${drawn}`).toBe(runs.length);
    }
  });

  test("each run has namespaces of its own, and the same pids and user inside", async () => {
    // Each stays until all have told: the kernel gives numbers of namespaces anew.
    const look = `
import json, os, time
names = ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup")
print(json.dumps({**{name: os.readlink("/proc/self/ns/" + name) for name in names},
  "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()), "uid": os.getuid(), "gid": os.getgid(),
  "groups": os.getgroups() if len(set(os.getgroups()) - {65534}) else [], "host": os.uname().nodename, "self": os.getpid(),
  "cgroup path": sorted({line.split(":")[2] for line in open("/proc/self/cgroup").read().split()})}), flush=True)
time.sleep(1000)`;
    const leaving = new AbortController();
    const texts = ["", "", ""];
    const told = texts.map((_, index) => {
      let tell = () => {};
      const told = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const onStdout = (chunk: Uint8Array) => {
        texts[index] += Buffer.from(chunk).toString();
        if (texts[index]!.endsWith("\n")) tell();
      };
      const ended = manager.executeCode(look, { signal: leaving.signal, onStdout }, { timeLimit: 120 });
      return { told, ended };
    });
    await Promise.all(told.map((run) => Promise.race([run.told, run.ended])));
    leaving.abort();
    for (const result of await Promise.all(told.map((run) => run.ended))) expect(result.verdict).toBe("killed");
    const runs = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    for (const name of ["user", "pid", "mnt", "net", "ipc", "uts"]) {
      expect(new Set(runs.map((run) => run[name])).size, name).toBe(runs.length);
    }
    for (const run of runs)
      expect(run).toMatchObject({
        ...{ pids: [1, 2], uid: 1000, gid: 1000, groups: [], host: "sandbox", self: 2, "cgroup path": ["/"] },
      });
  });

  test.runIf(process.getuid?.() === 0)("each run has a user of its own on the host", async () => {
    const look = "result = open('/proc/self/uid_map').read().split()[1]";
    const users = await Promise.all([1, 2, 3, 4].map(() => worthOf(look)));
    expect(new Set(users).size).toBe(4);
    expect(users).not.toContain("0");
  });
});

describe("a run and the server that forked it", () => {
  test("no descriptor of the server is there, and none can be forged into", async () => {
    const scan = `
import os
open_ones = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
result = {fd: os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in open_ones if os.path.lexists(f"/proc/self/fd/{fd}")}`;
    expect(await worthOf(scan)).toEqual({ "0": "pipe", "1": "pipe", "2": "pipe", "1000": "socket" });
  });

  test("its first process can be neither read, traced nor ended", async () => {
    const attack = `
import os, ctypes
tried = {}
for name in ("mem", "environ", "root", "cwd", "exe", "maps", "fd/3", "ns/user", "stack", "syscall"):
    path = "/proc/1/" + name
    try:
        tried[name] = os.readlink(path) if name in ("root", "cwd", "exe", "fd/3", "ns/user") else open(path, "rb").read(4).hex()
    except OSError as error:
        tried[name] = "refused"
for name, signal in (("kill", 9), ("stop", 19), ("term", 15)):
    try: os.kill(1, signal)
    except OSError: pass
libc = ctypes.CDLL(None, use_errno=True)
tried["ptrace"] = "refused" if libc.ptrace(16, 1, 0, 0) < 0 else "traced"
tried["alive"] = os.path.exists("/proc/1/status")
tried["zombies"] = [pid for pid in os.listdir("/proc") if pid.isdigit() and "Z (zombie)" in open(f"/proc/{pid}/status").read()]
result = tried`;
    const tried = (await worthOf(attack)) as Record<string, unknown>;
    for (const name of ["mem", "environ", "root", "cwd", "exe", "fd/3", "ns/user", "ptrace"])
      expect(tried[name], name).toBe("refused");
    expect(tried).toMatchObject({ alive: true, zombies: [] });
  });

  test("no capability, one filter, no new privileges, and no way to another namespace", async () => {
    const look = `
import ctypes, os
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": libc.unshare(0x10000000), "setns": libc.setns(0, 0), "mount": libc.mount(b"x", b"/tmp", b"tmpfs", 0, 0), "umount": libc.umount2(b"/proc", 2), "chroot": libc.chroot(b"/tmp"), "setuid": libc.setuid(0)}
result = {**{name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, "nnp": status["NoNewPrivs"], "seccomp": status["Seccomp"], "threads": status["Threads"], **calls}`;
    expect(await worthOf(look)).toEqual({
      ...{ CapInh: 0, CapPrm: 0, CapEff: 0, CapBnd: 0, CapAmb: 0, nnp: "1", seccomp: "2", threads: "1" },
      ...{ unshare: -1, setns: -1, mount: -1, umount: -1, chroot: -1, setuid: -1 },
    });
  });

  test("nothing of the server is left in its memory that names it", async () => {
    const look = `
import sys, gc
own = [name for name in ("kernel", "keeper", "lines", "landlock", "run", "root", "init", "boot", "template") if name in sys.modules]
result = {"own": own, "main": sys.modules["__main__"].__file__, "argv": sys.argv, "flags": [sys.flags.isolated, sys.flags.no_site], "orig": sys.orig_argv[1:3]}`;
    expect(await worthOf(look)).toEqual({
      own: [],
      main: "/work/main.py",
      argv: ["/work/main.py"],
      flags: [1, 0],
      orig: ["-I", "-B"],
    });
  });

  test("it survives children that crash, exhaust, stop, and flood", async () => {
    const attacks = [
      "import ctypes; ctypes.string_at(0)",
      "import os; os.kill(0, 9)",
      "import os; os.abort()",
      "import os\nwhile True:\n  try: os.fork()\n  except OSError: os._exit(1)",
      "x = []\nwhile True: x.append(bytearray(1 << 20))",
      "import os; os._exit(9)",
      "import os\nfor fd in range(3, 1024):\n  try: os.close(fd)\n  except OSError: pass\nos._exit(0)",
      "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    ];
    const results = await Promise.all(attacks.map((code) => python(code)));
    expect(results.map((result) => result.verdict)).not.toContain("sandbox-failure");
    expect(results.filter((result) => result.success)).toHaveLength(1);
    const good = await Promise.all(Array.from({ length: 8 }, (_, index) => worthOf(`result = ${index} ** 2`)));
    expect(good).toEqual([0, 1, 4, 9, 16, 25, 36, 49]);
  });

  test("an exit that the run has chosen is the exit that is told", async () => {
    const told = async (code: string) => {
      const { exitCode, signal } = await python(code);
      return signal ?? exitCode;
    };
    expect(await told("import sys; sys.exit(7)")).toBe(7);
    expect(await told("import os; os._exit(139)")).toBe(139);
    expect(await told("import os; os.kill(os.getpid(), 11)")).toBe("SIGSEGV");
    expect(await told("import os; os.abort()")).toBe("SIGABRT");
    expect(await told("raise SystemExit('words')")).toBe(1);
    expect(await told("import os; os.execv('/bin/sh', ['sh', '-c', 'exit 5'])")).toBe(5);
  });
});

describe("a preloaded interpreter behaves as a fresh one", () => {
  test("only the view can be imported", async () => {
    const look = `
import importlib.util
result = {name: importlib.util.find_spec(name) is not None for name in ("numpy", "pandas", "matplotlib", "json", "requests")}`;
    expect(await worthOf(look)).toEqual({ numpy: true, pandas: false, matplotlib: false, json: true, requests: false });
  });

  test("a file that comes with the job hides a module that was imported ahead", async () => {
    const code = "import statistics, json, os\nresult = [statistics.own, json.dumps(1), os.path.sep]";
    const files = { "statistics.py": "own = 'mine'", "json/__init__.py": "def dumps(x): return 'mine too'" };
    const result = await manager.executeCode(code, { language: "python", files });
    expect(result.value, result.stderr).toEqual(["mine", "mine too", "/"]);
    expect(await worthOf("import statistics\nresult = statistics.mean([1, 3])")).toBe(2);
  });

  test("the end of the interpreter is seen by the code", async () => {
    const code = `
import atexit, threading, time
class Last:
    def __del__(self): print("deleted")
kept = Last()
atexit.register(lambda: print("at exit"))
def work():
    time.sleep(0.05); print("thread")
threading.Thread(target=work).start()
print("main")`;
    expect((await python(code)).stdout).toBe("main\nthread\nat exit\ndeleted\n");
  });

  test("processes, threads, subprocesses and temporary files work", async () => {
    const code = `
import multiprocessing, concurrent.futures, subprocess, sys, tempfile, asyncio, sqlite3
def square(n): return n * n
with multiprocessing.Pool(2) as pool: squares = pool.map(square, [1, 2, 3])
with concurrent.futures.ThreadPoolExecutor(2) as threads: doubled = list(threads.map(lambda n: 2 * n, [1, 2]))
out = subprocess.run([sys.executable, "-c", "import numpy; print(numpy.arange(3).sum())"], capture_output=True, text=True)
with tempfile.NamedTemporaryFile() as file: named = file.name.startswith("/tmp/")
async def one(): await asyncio.sleep(0); return 1
result = [squares, doubled, out.stdout.strip() or out.stderr, named, asyncio.run(one()), sqlite3.connect(":memory:").execute("select 1").fetchone()[0]]`;
    expect(await worthOf(code)).toEqual([[1, 4, 9], [2, 4], "3", true, 1, 1]);
  });

  test("standard streams can be opened by name, and end", async () => {
    const code = `
import sys
open("/dev/stdout", "w").write("named\\n")
open("/dev/stderr", "w").write("too\\n")
result = [sys.stdin.read(), sys.stdin.isatty(), sys.stdout.isatty(), sys.stdout.encoding]`;
    const result = await manager.executeCode(code, { language: "python", stdin: "given" });
    expect(result).toMatchObject({ stdout: "named\n", stderr: "too\n", value: ["given", false, false, "utf-8"] });
  });
});
