/** Honest programs of every kind, none of which the walls may hinder. */
import { afterAll, expect, test } from "vitest";
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";

const executor = new ProcessSandboxExecutor({
  timeLimit: 60,
  allowedPackages: ["numpy", "pandas", "matplotlib"],
  warm: false,
});
afterAll(() => executor.close());

test.each<[string, string, unknown]>([
  [
    "threads",
    "import threading\nfound = []\nts = [threading.Thread(target=found.append, args=(i,)) for i in range(20)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nresult = sorted(found)",
    Array.from({ length: 20 }, (_, index) => index),
  ],
  [
    "thread pools",
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as pool: result = sum(pool.map(lambda x: x * x, range(10)))",
    285,
  ],
  [
    "multiprocessing by fork",
    "import multiprocessing as mp\ndef f(x): return x * x\nwith mp.Pool(3) as pool: result = pool.map(f, range(5))",
    [0, 1, 4, 9, 16],
  ],
  [
    "multiprocessing by spawn",
    "import multiprocessing as mp\ndef f(x): return x + 1\nif __name__ == '__main__':\n  with mp.get_context('spawn').Pool(2) as pool: result = pool.map(f, range(3))",
    [1, 2, 3],
  ],
  [
    "process pools and shared memory",
    "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=100)\nm.buf[0] = 7\nwith ProcessPoolExecutor(2) as pool: result = [m.buf[0], *pool.map(abs, [-1, 2])]\nm.close()\nm.unlink()",
    [7, 1, 2],
  ],
  [
    "asyncio with subprocesses",
    "import asyncio\nasync def main():\n  p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\n  out, _ = await p.communicate()\n  await asyncio.sleep(0.01)\n  return out.decode()\nresult = asyncio.run(main())",
    "hi\n",
  ],
  [
    "servers on its own loopback",
    "import asyncio\nasync def main():\n  async def serve(r, w):\n    w.write(await r.readline())\n    await w.drain()\n    w.close()\n  s = await asyncio.start_server(serve, '127.0.0.1', 0)\n  r, w = await asyncio.open_connection('127.0.0.1', s.sockets[0].getsockname()[1])\n  w.write(b'echo\\n')\n  return (await r.readline()).decode()\nresult = asyncio.run(main())",
    "echo\n",
  ],
  [
    "subprocesses",
    "import subprocess, sys\nresult = [subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout, subprocess.check_output('ls / | head -1', shell=True, text=True)]",
    ["42\n", "bin\n"],
  ],
  [
    "sqlite",
    "import sqlite3\nd = sqlite3.connect('/work/x.db')\nd.execute('create table t (a)')\nd.executemany('insert into t values (?)', [(i,) for i in range(100)])\nd.commit()\nresult = d.execute('select sum(a) from t').fetchone()[0]",
    4950,
  ],
  [
    "temporary files",
    "import tempfile, os\nwith tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file: result = os.path.isdir(folder) and os.path.exists(file.name)",
    true,
  ],
  [
    "time zones",
    "from zoneinfo import ZoneInfo\nfrom datetime import datetime\nresult = datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Berlin')).utcoffset().total_seconds()",
    7200,
  ],
  ["ssl", "import ssl\nresult = ssl.create_default_context().check_hostname", true],
  [
    "signals between its own",
    "import os, signal, time\nseen = []\nsignal.signal(signal.SIGUSR1, lambda *_: seen.append('usr1'))\nos.kill(os.getpid(), signal.SIGUSR1)\ntry:\n  signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt: seen.append('int')\nresult = seen",
    ["usr1", "int"],
  ],
  [
    "mmap, memfd, eventfd and locks",
    "import mmap, os, fcntl\nm = mmap.mmap(-1, 4096)\nm[0] = 1\nfd = os.memfd_create('x')\nos.write(fd, b'abc')\nf = open('/tmp/l', 'w')\nfcntl.flock(f, fcntl.LOCK_EX)\nresult = [m[0], os.pread(fd, 3, 0).decode()]",
    [1, "abc"],
  ],
  [
    "pseudo-terminals",
    "import pty, os\npid, fd = pty.fork()\nif pid == 0: os.execvp('echo', ['echo', 'tty'])\nresult = os.read(fd, 100).decode().strip()",
    "tty",
  ],
  [
    "unix sockets, datagrams and resolving its own name",
    "import socket\na, b = socket.socketpair()\na.send(b'x')\nu = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nu.bind(('127.0.0.1', 0))\nu.sendto(b'y', u.getsockname())\nresult = [b.recv(1).decode(), u.recv(1).decode(), socket.gethostbyname('localhost')]",
    ["x", "y", "127.0.0.1"],
  ],
  [
    "getpass, pwd, locale, platform",
    "import pwd, os, locale, platform, getpass\nlocale.setlocale(locale.LC_ALL, '')\nresult = [pwd.getpwuid(os.getuid()).pw_name, getpass.getuser(), platform.system()]",
    ["sandbox", "sandbox", "Linux"],
  ],
  [
    "compression and hashes",
    "import zlib, lzma, bz2, hashlib\nresult = [hashlib.sha256(zlib.decompress(zlib.compress(b'a'))).hexdigest()[:8], lzma.decompress(lzma.compress(b'b')).decode(), bz2.decompress(bz2.compress(b'c')).decode()]",
    ["ca978112", "b", "c"],
  ],
  [
    "numpy and its linear algebra",
    "import numpy as np\nresult = float(np.linalg.det(np.eye(200) * 1.0)), int((np.arange(10000).reshape(100, 100) @ np.ones(100)).sum())",
    [1, 49995000],
  ],
  [
    "pandas in many ways",
    "import pandas as pd, io\nd = pd.read_csv(io.StringIO('a,b\\n1,x\\n2,y\\n1,z'))\nd.to_json('/work/d.json')\nresult = d.groupby('a').size().to_dict()",
    { 1: 2, 2: 1 },
  ],
  [
    "matplotlib with text and numbers",
    "import matplotlib.pyplot as plt, os\nplt.figure()\nplt.hist([1, 2, 2, 3])\nplt.title('$x^2$ äöü')\nplt.savefig('/work/p.pdf')\nresult = os.path.getsize('/work/p.pdf') > 1000\nplt.close('all')",
    true,
  ],
])("Python: %s", async (_what, code, expected) => {
  const run = await executor.executeCode(code);
  expect(run.verdict, `${run.error?.message}\n${run.stderr}`).toBe("ok");
  expect(run.value).toEqual(expected);
});

test.each<[string, string, unknown]>([
  [
    "workers",
    "const { Worker } = require('node:worker_threads'); let result; new Worker('require(\"node:worker_threads\").parentPort.postMessage(5)', { eval: true }).on('message', (m) => { result = m; });",
    5,
  ],
  ["child processes", "const result = require('node:child_process').execSync('echo hi').toString()", "hi\n"],
  [
    "servers on its own loopback",
    "const http = require('node:http'); let result; const s = http.createServer((q, r) => r.end('served')).listen(0, async () => { result = await (await fetch('http://127.0.0.1:' + s.address().port)).text(); s.close(); });",
    "served",
  ],
  [
    "files and streams",
    "const fs = require('node:fs'); fs.writeFileSync('a', 'x'.repeat(1e5)); let result = 0; fs.createReadStream('a').on('data', (c) => { result += c.length; });",
    100_000,
  ],
  [
    "crypto, zlib and WebAssembly",
    "const z = require('node:zlib'); const result = [z.gunzipSync(z.gzipSync('a')).toString(), require('node:crypto').createHash('md5').update('').digest('hex').length, WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))]",
    ["a", 32, true],
  ],
])("JavaScript: %s", async (_what, code, expected) => {
  const run = await executor.executeCode(code, { language: "javascript" });
  expect(run.verdict, `${run.error?.message}\n${run.stderr}`).toBe("ok");
  expect(run.value).toEqual(expected);
});

test("bash: pipes, jobs, awk, sed, sort, find, tar, here-documents", async () => {
  const run = await executor.executeCode(
    `set -euo pipefail
seq 10 | awk '{ s += $1 } END { print s }'
printf 'b\\na\\n' | sort | sed 's/a/A/' | tr '\\n' ' '
mkdir -p d/e && touch d/e/f && find d -type f && tar -cf t.tar d && tar -tf t.tar | wc -l
sleep 0.01 & wait $!
diff <(echo 1) <(echo 1) && cat <<< done
python3 -c 'print(1)'; node -e 'console.log(2)'; perl -e 'print 3'`,
    { language: "bash" },
  );
  expect(run.error?.message).toBeUndefined();
  expect(run.stdout).toBe("55\nA b d/e/f\n3\ndone\n1\n2\n3");
});
