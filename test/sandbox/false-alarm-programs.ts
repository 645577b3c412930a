/** Programs of good faith that use what people use. Each prints `right` as its last line where all went well. */

export interface GoodProgram {
  readonly name: string;
  readonly language: "python" | "javascript" | "bash";
  readonly packages?: readonly string[];
  readonly code: string;
}

const python = (name: string, code: string, packages?: readonly string[]): GoodProgram =>
  packages === undefined ? { name, language: "python", code } : { name, language: "python", code, packages };
const javascript = (name: string, code: string): GoodProgram => ({ name, language: "javascript", code });
const bash = (name: string, code: string): GoodProgram => ({ name, language: "bash", code });

export const goodPrograms: readonly GoodProgram[] = [
  python(
    "numpy",
    `import numpy as np
rng = np.random.default_rng(1)
a = rng.random((300, 300))
assert np.allclose(a @ np.linalg.inv(a), np.eye(300), atol=1e-6)
assert np.linalg.svd(a, compute_uv=False).shape == (300,)
assert np.fft.ifft(np.fft.fft(a[0])).real.sum() - a[0].sum() < 1e-9
np.save("a.npy", a)
assert (np.load("a.npy", mmap_mode="r") == a).all()
print("right")`,
    ["numpy"],
  ),
  python(
    "pandas",
    `import pandas as pd, io
frame = pd.DataFrame({"day": pd.date_range("2024-03-30", periods=4, tz="Europe/Berlin"), "n": [1, 2, 3, 4], "k": list("abab")})
assert frame.groupby("k").n.sum().to_dict() == {"a": 4, "b": 6}
assert str(frame.day.iloc[2].utcoffset()) == "2:00:00"
frame.to_csv("x.csv", index=False)
assert pd.read_csv("x.csv").n.sum() == 10
assert frame.merge(frame, on="k").shape == (8, 5)
assert frame.set_index("day").n.resample("2D").sum().tolist() == [3, 7]
assert pd.read_json(io.StringIO(frame[["n"]].to_json())).n.tolist() == [1, 2, 3, 4]
frame.to_pickle("x.pickle"); assert pd.read_pickle("x.pickle").equals(frame)
print("right")`,
    ["pandas"],
  ),
  python(
    "matplotlib",
    `import matplotlib.pyplot as plt
figure, axes = plt.subplots(1, 2)
axes[0].plot([1, 2, 3], [3, 1, 2], label="line"); axes[0].legend(); axes[0].set_title("α and $x^2$")
axes[1].hist([1, 1, 2, 3], bins=3)
figure.savefig("plot.png"); figure.savefig("plot.svg"); figure.savefig("plot.pdf")
import os
assert open("plot.png", "rb").read(8) == b"\\x89PNG\\r\\n\\x1a\\n" and os.path.getsize("plot.pdf") > 1000
plt.close("all")
print("right")`,
    ["matplotlib"],
  ),
  python(
    "threads",
    `import threading, queue
results = queue.Queue()
lock = threading.Lock()
count = 0
def work(n):
    global count
    for _ in range(1000):
        with lock: count += 1
    results.put(n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
assert count == 12000 and sorted(results.queue) == list(range(12))
local = threading.local(); event = threading.Event(); threading.Timer(0.01, event.set).start()
assert event.wait(10)
print("right")`,
  ),
  python(
    "multiprocessing",
    `import multiprocessing as mp
def square(n): return n * n
if __name__ == "__main__":
    with mp.Pool(3) as pool: assert pool.map(square, range(20)) == [n * n for n in range(20)]
    parent, child = mp.Pipe()
    process = mp.Process(target=child.send, args=(42,)); process.start(); assert parent.recv() == 42; process.join()
    value = mp.Value("i", 0); locks = mp.Lock(); waiting = mp.Queue(); waiting.put(1); assert waiting.get(timeout=10) == 1
    from multiprocessing import shared_memory
    block = shared_memory.SharedMemory(create=True, size=1000); block.buf[0] = 7
    other = shared_memory.SharedMemory(name=block.name); assert other.buf[0] == 7
    other.close(); block.close(); block.unlink()
print("right")`,
  ),
  python(
    "concurrent.futures",
    `from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor, as_completed
def cube(n): return n ** 3
if __name__ == "__main__":
    with ThreadPoolExecutor(8) as pool: assert list(pool.map(cube, range(50))) == [n ** 3 for n in range(50)]
    with ProcessPoolExecutor(2) as pool: assert sum(f.result() for f in as_completed([pool.submit(cube, n) for n in range(10)])) == 2025
print("right")`,
  ),
  python(
    "asyncio",
    `import asyncio
async def handle(reader, writer):
    writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async def ask(n):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"line %d\\n" % n); await writer.drain()
        return await reader.readline()
    answers = await asyncio.gather(*(ask(n) for n in range(10)))
    assert answers == [b"LINE %d\\n" % n for n in range(10)]
    process = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"child\\n"
    assert await asyncio.to_thread(lambda: 5) == 5
    async with asyncio.timeout(10) if hasattr(asyncio, "timeout") else asyncio.Lock(): await asyncio.sleep(0.01)
    server.close()
asyncio.run(main())
print("right")`,
  ),
  python(
    "subprocess",
    `import subprocess, sys, os, signal, shutil
assert subprocess.run("printf 'b\\\\na\\\\n' | sort | tr a-z A-Z", shell=True, capture_output=True, text=True).stdout == "A\\nB\\n"
assert subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout == "42\\n"
process = subprocess.Popen(["sleep", "60"]); process.send_signal(signal.SIGTERM); assert process.wait() == -15
try: subprocess.run(["sleep", "60"], timeout=0.05); assert False
except subprocess.TimeoutExpired: pass
pid = os.fork()
if pid == 0: os._exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
assert shutil.which("ls") and os.popen("echo hi").read() == "hi\\n"
print("right")`,
  ),
  python(
    "sqlite3",
    `import sqlite3
with sqlite3.connect("data.db") as db:
    db.execute("pragma journal_mode=wal"); db.execute("create table t (n integer primary key, s text)")
    db.executemany("insert into t (s) values (?)", [(str(n),) for n in range(1000)])
assert sqlite3.connect("data.db").execute("select count(*), max(n) from t").fetchone() == (1000, 1000)
assert sqlite3.connect(":memory:").execute("select json_extract('{\\"a\\": 5}', '$.a')").fetchone() == (5,)
print("right")`,
  ),
  python(
    "files",
    `import tempfile, pathlib, os, shutil, mmap, zipfile, tarfile, gzip, bz2, lzma, fcntl, stat
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "a/b"); path.mkdir(parents=True); (path / "f").write_text("é" * 1000)
    os.symlink("f", path / "link"); os.link(path / "f", path / "hard"); os.chmod(path / "f", 0o600)
    assert (path / "link").read_text() == "é" * 1000 and stat.S_IMODE((path / "f").stat().st_mode) == 0o600
    shutil.make_archive("packed", "zip", folder); shutil.make_archive("packed", "gztar", folder)
assert zipfile.ZipFile("packed.zip").testzip() is None and len(tarfile.open("packed.tar.gz").getnames()) >= 5
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x" * 5000); file.flush(); fcntl.flock(file, fcntl.LOCK_EX)
    with mmap.mmap(file.fileno(), 0) as view: view[0] = 121
    shutil.copy(file.name, "copied"); os.rename("copied", "moved"); assert os.replace("moved", "copied") is None
for module in (gzip, bz2, lzma): assert module.decompress(module.compress(b"data" * 100)) == b"data" * 100
assert os.getcwd() == os.path.expanduser("~") or True
os.truncate("packed.zip", 10); os.utime("packed.zip", (1, 1)); assert list(os.scandir("."))
print("right")`,
  ),
  python(
    "zoneinfo",
    `from zoneinfo import ZoneInfo, available_timezones
from datetime import datetime, timezone, timedelta
import time, calendar, locale
assert datetime(2024, 7, 1, tzinfo=ZoneInfo("America/New_York")).utcoffset() == timedelta(hours=-4)
assert len(available_timezones()) > 300
time.sleep(0.01); assert time.monotonic() > 0 and time.clock_gettime(time.CLOCK_REALTIME) > 1e9 and time.process_time() >= 0
assert datetime.now(timezone.utc).year > 2000
print("right")`,
  ),
  python(
    "ssl",
    `import ssl, hashlib, hmac, secrets, uuid, random, socket
context = ssl.create_default_context(); assert context.verify_mode == ssl.CERT_REQUIRED
assert hashlib.sha256(b"a").hexdigest()[:4] == "ca97" and len(secrets.token_bytes(32)) == 32
assert hashlib.scrypt(b"p", salt=b"s", n=2, r=8, p=1) and hashlib.pbkdf2_hmac("sha256", b"p", b"s", 10)
uuid.uuid1(); uuid.uuid4(); random.SystemRandom().random(); socket.gethostname()
left, right = socket.socketpair(); left.send(b"x"); assert right.recv(1) == b"x"
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
try: tls.do_handshake()
except ssl.SSLWantReadError: assert outgoing.read()[0] == 22
print("right")`,
  ),
  python(
    "the standard library at large",
    `import decimal, fractions, statistics, json, csv, re, collections, itertools, functools, dataclasses, enum, typing, heapq, bisect
import copy, pickle, struct, textwrap, string, pprint, logging, argparse, configparser, contextlib, inspect, ast, dis, traceback, warnings
import xml.etree.ElementTree as xml, html, urllib.parse, email.message, base64, binascii, ctypes, resource, platform, getpass, glob, fnmatch
import gc, weakref, sys, signal, select, selectors, unittest, doctest, timeit, cProfile, tracemalloc, http.server, importlib.metadata, curses.ascii
decimal.getcontext().prec = 50; assert str(decimal.Decimal(2).sqrt()).startswith("1.41421356237309504880")
assert statistics.median([1, 3, 2]) == 2 and fractions.Fraction(1, 3) + fractions.Fraction(1, 6) == fractions.Fraction(1, 2)
@dataclasses.dataclass
class Point: x: int; y: int = 0
assert pickle.loads(pickle.dumps([1, {"a": (2, 3)}])) == [1, {"a": (2, 3)}] and dataclasses.asdict(Point(1)) == {"x": 1, "y": 0}
assert xml.fromstring("<a><b>1</b></a>").find("b").text == "1" and platform.system() == "Linux"
libc = ctypes.CDLL(None); assert libc.abs(-5) == 5
resource.getrusage(resource.RUSAGE_SELF); tracemalloc.start(); tracemalloc.stop(); gc.collect()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}); signal.setitimer(signal.ITIMER_REAL, 0.01); assert signal.sigwait({signal.SIGALRM}) == signal.SIGALRM
poller = select.epoll(); poller.close(); sys.setrecursionlimit(5000)
def deep(n): return n if n == 0 else deep(n - 1)
assert deep(2000) == 0
class Test(unittest.TestCase):
    def test(self): self.assertEqual(1, 1)
assert unittest.TextTestRunner(stream=open("/dev/null", "w")).run(unittest.defaultTestLoader.loadTestsFromTestCase(Test)).wasSuccessful()
print("right")`,
  ),
  javascript(
    "fs",
    `const fs = require("fs"), path = require("path"), os = require("os");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "x-"));
fs.writeFileSync(folder + "/a", "text"); fs.appendFileSync(folder + "/a", "more"); fs.symlinkSync("a", folder + "/l");
if (fs.readFileSync(folder + "/l", "utf8") !== "textmore") throw new Error("read");
fs.mkdirSync(folder + "/d/e", { recursive: true }); fs.cpSync(folder + "/a", folder + "/d/e/b"); fs.rmSync(folder, { recursive: true });
fs.promises.writeFile("y", Buffer.alloc(100000)).then(() => fs.promises.stat("y")).then((stat) => {
  if (stat.size !== 100000) throw new Error("size");
  fs.createReadStream("y").on("data", () => {}).on("end", () => console.log("right"));
});`,
  ),
  javascript(
    "worker_threads",
    `const { Worker } = require("worker_threads");
const source = "const { parentPort, workerData } = require('worker_threads'); parentPort.postMessage(workerData * 2);";
const ask = (n) => new Promise((resolve, reject) => new Worker(source, { eval: true, workerData: n }).on("message", resolve).on("error", reject));
Promise.all([1, 2, 3].map(ask)).then((answers) => {
  const shared = new Int32Array(new SharedArrayBuffer(8)); Atomics.add(shared, 0, 5);
  console.log(answers.join() === "2,4,6" && Atomics.load(shared, 0) === 5 ? "right" : "wrong " + answers);
});`,
  ),
  javascript(
    "child_process",
    `const { execSync, spawn, fork, execFile } = require("child_process");
if (execSync("echo a | tr a b").toString() !== "b\\n") throw new Error("pipe");
const child = spawn("cat"); let text = "";
child.stdout.on("data", (chunk) => (text += chunk)).on("end", () =>
  execFile(process.execPath, ["-e", "console.log(6 * 7)"], (error, out) => {
    if (error) throw error;
    const sleeper = spawn("sleep", ["60"]);
    sleeper.on("exit", (code, signal) => console.log(text === "fed" && out === "42\\n" && signal === "SIGTERM" ? "right" : "wrong"));
    sleeper.kill();
  }));
child.stdin.end("fed");`,
  ),
  javascript(
    "crypto, zlib and WebAssembly",
    `const crypto = require("crypto"), zlib = require("zlib"), { promisify } = require("util");
(async () => {
  const digest = crypto.createHash("sha256").update("a").digest("hex");
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signed = crypto.verify("sha256", Buffer.from("m"), publicKey, crypto.sign("sha256", Buffer.from("m"), privateKey));
  const key = await promisify(crypto.scrypt)("p", "s", 32); crypto.randomUUID();
  const packed = await promisify(zlib.gzip)(Buffer.alloc(100000, 7));
  const round = (await promisify(zlib.gunzip)(packed)).length;
  const bytes = Uint8Array.from(atob("AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags="), (c) => c.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes); new WebAssembly.Memory({ initial: 10 }).grow(10);
  console.log(digest.startsWith("ca97") && signed && key.length === 32 && round === 100000 && instance.exports.add(2, 3) === 5 ? "right" : "wrong");
})();`,
  ),
  javascript(
    "timers, promises, http and Intl",
    `const http = require("http"), { once } = require("events"), { setTimeout: wait } = require("timers/promises");
(async () => {
  const server = http.createServer((request, response) => response.end(request.url)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const answers = await Promise.all([1, 2, 3].map(async (n) => (await fetch("http://127.0.0.1:" + server.address().port + "/" + n)).text()));
  await wait(5); setImmediate(() => {}); queueMicrotask(() => {});
  const text = new Intl.DateTimeFormat("de", { timeZone: "Asia/Tokyo", dateStyle: "full" }).format(new Date(0));
  console.log(answers.join("") === "/1/2/3" && text.includes("1970") && structuredClone(new Map([[1, 2]])).get(1) === 2 ? "right" : "wrong");
  server.close(); server.closeAllConnections();
})();`,
  ),
  bash(
    "pipes",
    `set -euo pipefail
[ "$(printf '3\\n1\\n2\\n' | sort -n | head -2 | paste -sd, -)" = "1,2" ]
[ "$(seq 1 100 | awk '{ s += $1 } END { print s }')" = 5050 ]
[ "$(echo a-b-c | sed 's/-/+/g' | cut -d+ -f2)" = b ]
diff <(echo same) <(echo same); cat <<< "here" | grep -q here
echo right`,
  ),
  bash(
    "files and jobs",
    `set -eu
mkdir -p d/e; for n in 1 2 3; do echo "$n" > "d/e/$n.txt"; done
[ "$(find d -name '*.txt' | wc -l)" = 3 ]; tar czf d.tgz d; mkdir out; tar xzf d.tgz -C out; cmp d/e/1.txt out/d/e/1.txt
sleep 0.05 & job=$!; wait $job; (exit 3) || [ $? = 3 ]; trap 'echo trapped > t' USR1; kill -USR1 $$; [ "$(cat t)" = trapped ]
declare -A map=([a]=1 [b]=2); [ "\${map[b]}" = 2 ]; [ "$(( 2 ** 40 ))" = 1099511627776 ]; [[ "abc123" =~ [0-9]+ ]]; [ "\${BASH_REMATCH[0]}" = 123 ]
mktemp > /dev/null; date +%Y | grep -q '^20'; head -c 1000000 /dev/urandom | sha256sum > /dev/null; ls -la / > /dev/null; id > /dev/null
xargs -n1 -P3 echo < d/e/1.txt > /dev/null; timeout 5 true; python3 -c 'print("from python")' | grep -q python
echo right`,
  ),
];
