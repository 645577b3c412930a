/**
 * Programs against how a sandbox of processes is made: the channel of values, the driver that shares its process with the
 * code, the template that it may have been forked from, and doors of the kernel that are less known. Run besides those
 * of `programs.ts`, in the same four ways.
 */
import type { HostileProgram } from "./programs.js";

export const wallPrograms: readonly HostileProgram[] = [
  {
    id: "J01",
    about: "what is in the memory that a run was forked with names nothing of the host and of other runs",
    language: "python",
    code: String.raw`import re
patterns = (rb"canary-[0-9a-f]{8}-[0-9a-f-]{27}", rb"SBX_C[A]NARY=", rb"oe-\d+-\d+-\d+-\d+-[s]andbox[\w-]*", rb"cgroup\.k[i]ll", rb"/root/[\w.]{3,}")
for line in open("/proc/self/maps"):
  place, rights, *_ = line.split()
  if not rights.startswith("rw"): continue
  start, end = (int(part, 16) for part in place.split("-"))
  try:
    with open("/proc/self/mem", "rb", 0) as memory:
      memory.seek(start)
      content = memory.read(end - start)
  except OSError: continue
  for pattern in patterns:
    for found in re.findall(pattern, content): print("FOUND", found)
print("searched")`,
    verdicts: ["ok"],
    required: /searched/,
    forbidden: /FOUND/,
  },
  {
    id: "J02",
    about: "who reads the driver's token and signs a frame has still failed, and has no value",
    language: "python",
    code: String.raw`import os, sys
frame = sys._getframe()
while frame:
  if "job" in frame.f_locals and "channel" in frame.f_locals:
    token, channel = frame.f_locals["job"].token, frame.f_locals["channel"].descriptor
    os.write(channel, b'%s value 15\n{"forged":true}%s done 1\n0' % (token.encode(), token.encode()))
    print("signed")
    break
  frame = frame.f_back
sys.exit(3)`,
    verdicts: ["error"],
    exitCode: 3,
    required: /signed/,
    value: undefined,
  },
  {
    id: "J03",
    about: "replacing what the driver uses does not turn a failure into a success",
    language: "python",
    code: `import os, sys, json, builtins
os.write = lambda *a: 0
os._exit = lambda *a: None
os.getpid = lambda: 1
json.loads = json.dumps = None
sys.excepthook = lambda *a: None
sys.exit = lambda *a: None
builtins.isinstance = lambda *a: True
builtins.repr = lambda *a: 1 / 0
builtins.len = lambda *a: 0
for name in list(sys.modules):
  if name not in ("sys", "builtins"): sys.modules[name] = None
raise ValueError("failed")`,
    verdicts: ["error"],
    exitCode: 1,
    value: undefined,
  },
  {
    id: "J04",
    about: "who closes every descriptor has no value, and that is all",
    language: "python",
    code: `import os
os.closerange(0, 70000)
result = 5`,
    verdicts: ["ok"],
    exitCode: 0,
    value: undefined,
  },
  {
    id: "J05",
    about: "the channel cannot be filled without end",
    language: "python",
    code: `import os, sys
channel = int(sys.orig_argv[-1])
while True: os.write(channel, b"x" * 65536)`,
    verdicts: ["output-limit"],
  },
  {
    id: "J06",
    about: "descriptors that are sent over the channel reach nobody, and who is at its other end is not told",
    language: "python",
    code: `import array, os, socket, sys
channel = socket.socket(fileno=int(sys.orig_argv[-1]))
folder = os.open("/tmp", os.O_RDONLY)
try:
  for _ in range(200): channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [folder] * 100))])
except OSError as error: print(error)
print("peer", int.from_bytes(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little"))`,
    verdicts: ["ok"],
    required: /peer 0$/m,
  },
  {
    id: "J07",
    about: "the channel in the place of the standard streams carries no output, and the value all the same",
    language: "python",
    code: `import os, sys
channel = int(sys.orig_argv[-1])
os.dup2(channel, 1); os.dup2(channel, 2)
print("x" * 1000)
result = 1`,
    verdicts: ["ok"],
    value: 1,
    forbidden: /x/,
  },
  {
    id: "J08",
    about: "a program that replaces the driver and guesses the token has no value",
    language: "python",
    code: String.raw`import os, sys
channel = int(sys.orig_argv[-1])
os.set_inheritable(channel, True)
os.execv("/usr/bin/python3", ["python3", "-c", "import os\nos.write(%d, b'0' * 32 + b' value 1\\n1')\nprint('replaced')" % channel])`,
    verdicts: ["ok"],
    required: /replaced/,
    value: undefined,
  },
  {
    id: "J09",
    about: "calls that few know: priorities, handles, other processes' descriptors and memory, the kernel's log",
    language: "python",
    code: `import ctypes
l = ctypes.CDLL(None, use_errno=True)
for n, nm, *a in ((251, "ioprio_set", 1, 0, 0), (300, "fanotify_init", 0, 0), (312, "kcmp", 1, 2, 0, 0, 0), (438, "pidfd_getfd", 3, 0, 0),
  (440, "process_madvise", 0, 0, 0, 0, 0), (447, "memfd_secret", 0), (237, "mbind", 0, 0, 0, 0, 0, 0), (303, "name_to_handle_at", -100, b"/etc", 0, 0, 0),
  (103, "syslog", 3, 0, 0), (135, "personality", 0x40000), (154, "modify_ldt", 0, 0, 0), (212, "lookup_dcookie", 0, 0, 0), (179, "quotactl", 0, 0, 0, 0),
  (163, "acct", 0), (279, "move_pages", 1, 0, 0, 0, 0, 0), (317, "seccomp", 0, 0, 0), (56, "clone", 0x10000011, 0, 0, 0, 0), (311, "process_vm_writev", 1, 0, 0, 0, 0, 0),
  (141, "setpriority", 0, 0, -20), (256, "migrate_pages", 0, 0, 0, 0), (429, "move_mount", 0, 0, 0, 0, 0), (430, "fsopen", b"tmpfs", 0)):
  r = l.syscall(n, *a); print(nm, r, ctypes.get_errno(), flush=True)`,
    verdicts: ["ok"],
    required: /fsopen -1/,
    forbidden: / (?:[0-9]+) /,
  },
  {
    id: "J10",
    about: "the x32 ABI is not there",
    language: "python",
    code: `import ctypes
print("x32", ctypes.CDLL(None).syscall(0x40000000 + 39), flush=True)`,
    verdicts: ["ok", "killed"],
    forbidden: /x32 \d/,
  },
  {
    id: "J11",
    about: "files of /proc that are the machine's are neither to be read nor written",
    language: "python",
    code: `for path in ("kmsg", "kcore", "sysrq-trigger", "sys/kernel/core_pattern", "sys/vm/drop_caches", "sys/kernel/modprobe", "sys/fs/binfmt_misc/register", "1/oom_score_adj", "self/uid_map", "irq/default_smp_affinity", "mtrr"):
  try:
    with open("/proc/" + path, "w") as file: file.write("x")
    print("WROTE", path)
  except OSError: pass
for path in ("kmsg", "kcore", "1/environ", "1/mem", "keys"):
  try:
    if open("/proc/" + path, "rb").read(64): print("READ", path)
  except OSError: pass
import re
if re.search("^0*[1-9a-f]", open("/proc/kallsyms").readline()): print("READ kallsyms")
print("tried")`,
    verdicts: ["ok"],
    required: /tried/,
    forbidden: /WROTE|READ/,
  },
  {
    id: "J12",
    about: "programs with another owner's rights have none here",
    language: "bash",
    code: String.raw`for program in su newgrp passwd mount; do "$program" -c id </dev/null 2>&1 | head -c 200; done
grep -vE ' /dev/| nosuid|,nosuid' /proc/self/mountinfo | grep -v ' /dev ' && echo "SETUID COUNTS"
cp /bin/bash /tmp/own && chmod 6755 /tmp/own && /tmp/own -p -c id; echo tried`,
    verdicts: ["ok"],
    required: /tried/,
    forbidden: /uid=0|euid|SETUID COUNTS/,
  },
  {
    id: "J13",
    about:
      "what is left behind as artifacts: sockets, pipes, devices, names with line breaks, files that are all holes, depths",
    language: "python",
    code: String.raw`import os, socket
os.symlink("/etc/passwd", "link"); os.mkfifo("pipe"); os.mkdir("folder"); os.symlink("..", "folder/up")
socket.socket(socket.AF_UNIX).bind("socket")
open("a\nb", "w").write("x"); open(b"\xff", "w").write("x"); open("-rf", "w").write("x")
open("holes", "wb").truncate(19 << 20); os.link("holes", "more"); os.makedirs("x/" + "y/" * 60)
for kind in (0o020000, 0o060000):
  try: os.mknod("device", 0o666 | kind, os.makedev(1, 3)); print("MADE")
  except OSError as error: print(error)
print("left")`,
    verdicts: ["ok"],
    required: /left/,
    forbidden: /MADE/,
  },
  {
    id: "J14",
    about: "no compiled module of the view, the driver or the library can be put in the place of another",
    language: "python",
    code: `import os, sys
for folder in ("/usr/lib/python3.11/__pycache__", "/usr/lib/python3.11", "/usr/lib/python3/dist-packages", "/run/driver", "/run/driver/__pycache__", "/run", os.path.dirname(os.__file__)):
  try: open(folder + "/json.py", "w").write("x"); print("WROTE", folder)
  except OSError: pass
  try: os.rename(folder, folder + "x"); print("WROTE", folder)
  except OSError: pass
print("tried")`,
    verdicts: ["ok"],
    required: /tried/,
    forbidden: /WROTE/,
  },
  {
    id: "J15",
    about: "a fork that comes to the end of the code reports nothing",
    language: "python",
    code: `import os
child = os.fork()
if child: os.waitpid(child, 0)
result = "parent" if child else "child"`,
    verdicts: ["ok"],
    value: "parent",
  },
  {
    id: "J16",
    about: "what is done at the exit changes neither value nor verdict",
    language: "python",
    code: `import atexit, os, sys, threading, time
channel = int(sys.orig_argv[-1])
def late():
  os.write(channel, b"0 value 1\\n2")
  print("late", flush=True)
  os.dup2(os.open("/dev/null", 2), channel)
atexit.register(late)
threading.Thread(target=lambda: (time.sleep(0.1), print("thread", flush=True))).start()
result = 1`,
    verdicts: ["ok"],
    required: /thread\nlate/,
    value: 1,
  },
  {
    id: "J17",
    about: "a value that ends the process when it is looked at",
    language: "python",
    code: `class Leaving:
  def __repr__(self):
    import os
    os._exit(0)
result = Leaving()`,
    verdicts: ["ok"],
    value: undefined,
  },
  {
    id: "J18",
    about: "an exception that fights its being described",
    language: "python",
    code: `class Fighting(Exception):
  def __str__(self): raise KeyboardInterrupt
  @property
  def __traceback__(self): raise SystemExit(0)
raise Fighting`,
    verdicts: ["error", "ok"],
    value: undefined,
  },
  {
    id: "J19",
    about: "replaced prototypes do not turn a failure into a success",
    language: "javascript",
    code: `Object.prototype.toJSON = () => { throw 1; };
Array.prototype.map = Array.prototype[Symbol.iterator] = String.prototype.split = null;
Buffer.from = Buffer.concat = JSON.stringify = JSON.parse = process.reallyExit = process.exit = () => 0;
globalThis.result = { forged: true };
throw new Error("failed");`,
    verdicts: ["error"],
    value: undefined,
  },
  {
    id: "J20",
    about: "a channel that JavaScript finds and writes to gives it no value without the token",
    language: "javascript",
    code: `const fs = require("fs");
for (const name of fs.readdirSync("/proc/self/fd"))
  try { if (Number(name) > 2) fs.writeSync(Number(name), "0".repeat(32) + " value 1\\n1"); } catch {}
console.log("written");
process.exitCode = 4;`,
    // What it writes to besides is how Node wakes itself up.
    verdicts: ["error", "killed"],
    value: undefined,
  },
  {
    id: "J21",
    about: "ending the driver of a shell is ending oneself",
    language: "bash",
    code: `echo before; kill -KILL $PPID; sleep 60`,
    verdicts: ["killed"],
    required: /before/,
    value: undefined,
  },
  {
    id: "J22",
    about: "what lies where a shell's result is expected is no link, and is not waited for",
    language: "bash",
    code: `trap - EXIT; ln -sf /etc/passwd /tmp/.result; (sleep 0.2; rm /tmp/.result; mkfifo /tmp/.result) & echo laid`,
    verdicts: ["ok"],
    required: /laid/,
    value: undefined,
  },
];
