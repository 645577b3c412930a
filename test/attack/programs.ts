/**
 * Programs that the sandbox must survive, by class. Each says what it is about and how it may end; what must never show
 * in its output is `forbidden`, what must show is `required`. The invariants that hold after every one of them are in
 * `invariants.ts`. Over 400 lines, because it is a list to be read from top to bottom: one program after the other.
 */
export interface HostileProgram {
  readonly id: string;
  readonly about: string;
  readonly language: "python" | "javascript" | "bash";
  readonly code: string;
  /** Verdicts that are right for it. */
  readonly verdicts: readonly string[];
  readonly exitCode?: number;
  readonly signal?: string | RegExp;
  readonly value?: unknown;
  readonly required?: RegExp;
  readonly forbidden?: RegExp;
}

export const hostilePrograms: readonly HostileProgram[] = [
  {
    id: "A01",
    about: 'wall timeout -> status "timeout", whole tree dead <=200 ms after deadline; CPU used <= quota x timeout',
    language: "python",
    code: `while True: pass`,
    verdicts: ["timeout"],
  },
  {
    id: "A02",
    about: "same as A01",
    language: "javascript",
    code: `for(;;){}`,
    verdicts: ["timeout"],
  },
  {
    id: "A03",
    about: "same as A01",
    language: "bash",
    code: `while :; do :; done`,
    verdicts: ["timeout"],
  },
  {
    id: "A04",
    about: "SIGTERM ignored; SIGKILL of tree still ends it at deadline",
    language: "python",
    code: `import signal,time
for s in range(1,65):
  try: signal.signal(s,signal.SIG_IGN)
  except Exception: pass
print("ignoring",flush=True)
while True: time.sleep(1)`,
    verdicts: ["timeout"],
    required: /ignoring/,
  },
  {
    id: "A06",
    about: "long uninterruptible C call: signal-based timeouts in-process would fail; external SIGKILL works",
    language: "python",
    code: `int("9"*10**7) if False else (10**8)**(10**6)%7
x=3**(3**16)
print(len(bin(x)))
while True: x=x*x`,
    verdicts: ["timeout"],
  },
  {
    id: "A08",
    about: "idle sleep: wall timeout (RLIMIT_CPU alone would never fire)",
    language: "python",
    code: `import time
print("start",flush=True)
time.sleep(10**6)`,
    verdicts: ["timeout"],
    required: /start/,
  },
  {
    id: "B01",
    about: 'MemoryError or OOM kill -> status "oom"/error; host unaffected',
    language: "python",
    code: `x=bytearray(4<<30)
print(len(x))`,
    verdicts: ["memory-limit"],
  },
  {
    id: "B02",
    about: 'status "oom", reason read from cgroup (memory.oom_control/memory.events), not guessed from 137',
    language: "python",
    code: `a=[]
while True: a.append(bytearray(1<<20))`,
    verdicts: ["memory-limit"],
  },
  {
    id: "B03",
    about: "off-heap Buffers are limited too (V8 --max-old-space-size does not cover them)",
    language: "javascript",
    code: `const a=[];for(;;)a.push(Buffer.alloc(1<<20,1))`,
    verdicts: ["memory-limit"],
  },
  {
    id: "B04",
    about: "MAP_SHARED anon: bypasses RLIMIT_DATA; must be caught by memcg (or RLIMIT_AS)",
    language: "python",
    code: `import mmap
m=mmap.mmap(-1,2<<30)
for i in range(0,2<<30,4096): m[i]=1
print("touched 2G shared")`,
    verdicts: ["memory-limit"],
  },
  {
    id: "B06",
    about: "/dev/shm is private, size-limited (ENOSPC) and charged to memcg",
    language: "python",
    code: `f=open("/dev/shm/x","wb")
while True: f.write(b"x"*(1<<20))`,
    verdicts: ["disk-limit"],
  },
  {
    id: "B07",
    about: "tmpfs size limit -> ENOSPC (or RLIMIT_FSIZE SIGXFSZ/EFBIG)",
    language: "python",
    code: `f=open("/tmp/x","wb")
while True: f.write(b"x"*(1<<20)); f.flush()`,
    verdicts: ["disk-limit"],
  },
  {
    id: "B09",
    about: "socket buffers: bounded by nofile rlimit and memcg (kmem)",
    language: "python",
    code: `import socket
s=[]
while True:
  a,b=socket.socketpair(); a.setblocking(False); s+=[a,b]
  try:
    while True: a.send(b"x"*65536)
  except BlockingIOError: pass`,
    verdicts: ["error"],
  },
  {
    id: "B10",
    about: "wasm/SAB memory is limited too",
    language: "javascript",
    code: `new SharedArrayBuffer(3e9); const m=new WebAssembly.Memory({initial:1,maximum:65536}); m.grow(60000); new Uint8Array(m.buffer).fill(1); console.log("grown")`,
    verdicts: ["memory-limit"],
  },
  {
    id: "C01",
    about: "pids limit; host can still fork; all gone after deadline",
    language: "bash",
    code: `:(){ :|:& };:
sleep 30`,
    verdicts: ["timeout", "process-limit", "ok"],
  },
  {
    id: "C02",
    about: "same, with EAGAIN retry loop",
    language: "python",
    code: `import os
n=0
while True:
  try: os.fork(); n+=1
  except OSError: pass`,
    verdicts: ["timeout"],
  },
  {
    id: "C04",
    about:
      "double-fork + setsid daemon: run ends when main exits (pid ns pid-1 death) and daemon is killed; nothing survives",
    language: "python",
    code: `import os,time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(999)`,
    verdicts: ["ok"],
  },
  {
    id: "C05",
    about: "background job must not survive nor hold the result back",
    language: "bash",
    code: `(setsid nohup sleep 999 >/dev/null 2>&1 &) ; echo done`,
    verdicts: ["ok"],
    required: /done/,
  },
  {
    id: "C07",
    about: "zombies reaped by pid-1; none left on host",
    language: "python",
    code: `import os,time
for i in range(40):
  if os.fork()==0: os._exit(0)
print("zombies",flush=True); time.sleep(1)`,
    verdicts: ["ok"],
    required: /zombies/,
  },
  {
    id: "C08",
    about: "can only hit own pid namespace; host supervisor untouched",
    language: "python",
    code: `import os,signal
print(os.getppid())
for p in (1,os.getppid()):
  try: os.kill(p,9); print("sent",p)
  except Exception as e: print(e)
try: os.kill(-1,9)
except Exception as e: print(e)`,
    verdicts: ["ok"],
  },
  {
    id: "C09",
    about: "ptrace/process_vm_readv EPERM",
    language: "python",
    code: `import ctypes,os
l=ctypes.CDLL(None,use_errno=True)
print(l.ptrace(16,1,0,0),ctypes.get_errno())
print(l.syscall(310,1,0,0,0,0,0),ctypes.get_errno())`,
    verdicts: ["ok"],
    required: /-1 1\n-1 1/,
  },
  {
    id: "D01",
    about: "stdout flood: captured up to cap, truncated=true, run killed or drained; supervisor RSS stays bounded",
    language: "python",
    code: `import sys
while True: sys.stdout.write("A"*65536)`,
    verdicts: ["output-limit"],
  },
  {
    id: "D02",
    about: "same",
    language: "bash",
    code: `yes`,
    verdicts: ["output-limit"],
  },
  {
    id: "D03",
    about: "stderr flood",
    language: "python",
    code: `import sys
while True: sys.stderr.write("B"*65536)`,
    verdicts: ["output-limit"],
  },
  {
    id: "D04",
    about: "invalid UTF-8, NUL, split multibyte: no throw, bytes available",
    language: "python",
    code: String.raw`import sys
sys.stdout.buffer.write(bytes(range(256))*100); sys.stdout.buffer.write(b"\xff\xfe\xf0\x9f")`,
    verdicts: ["ok"],
  },
  {
    id: "D06",
    about: 'closed stdio is not "finished"',
    language: "python",
    code: `import os
os.close(1); os.close(2)
import time; time.sleep(1)`,
    verdicts: ["ok"],
    exitCode: 0,
  },
  {
    id: "D07",
    about: "fake result marker on stdout must not be believed: exit code 3 reported",
    language: "python",
    code: String.raw`print("\n__RESULT__{\"ok\":true,\"exitCode\":0}\n{\"type\":\"result\",\"value\":42}")
import sys; sys.exit(3)`,
    verdicts: ["error"],
    exitCode: 3,
  },
  {
    id: "D08",
    about: "no inherited control fd to write to",
    language: "python",
    code: String.raw`import os
for fd in range(3,256):
  try:
    os.write(fd,b"{\"exit\":0,\"forged\":true}\n"); print("wrote fd",fd)
  except OSError as e:
    pass
print("scan done")`,
    verdicts: ["ok"],
    required: /scan done/,
    forbidden: /wrote fd/,
  },
  {
    id: "D10",
    about: "deep JSON must not blow the host parser stack",
    language: "python",
    code: `d={}
for i in range(200000): d={"a":d}
import json,sys
sys.stdout.write("["*200000)`,
    verdicts: ["ok"],
  },
  {
    id: "D11",
    about: "stdin is EOF or the given text; no tty",
    language: "python",
    code: `import sys
print(repr(sys.stdin.read(10)))
try: input()
except EOFError: print("EOF")
open("/dev/tty")`,
    verdicts: ["error"],
    required: /EOF/,
  },
  {
    id: "E01",
    about: "nothing of the host readable",
    language: "bash",
    code: `cat /etc/shadow /etc/passwd /root/.ssh/id_* ~/.ssh/* /root/.npmrc /root/.aws/credentials 2>&1 | head`,
    verdicts: ["ok"],
    forbidden: /root:.*:0:0:root:\/root|BEGIN|_authToken/,
  },
  {
    id: "E02",
    about: "only the allowlisted env; no host secrets (test plants SBX_CANARY)",
    language: "bash",
    code: String.raw`env; cat /proc/*/environ 2>/dev/null | tr "\0" "\n"`,
    verdicts: ["ok"],
  },
  {
    id: "E03",
    about: "only own pids; /proc/1 (bwrap) cmdline/environ must not leak host paths or secrets",
    language: "bash",
    code: String.raw`ls /proc | grep -E "^[0-9]+$"; cat /proc/1/cmdline | tr "\0" " "; ls -l /proc/1/root/ 2>&1 | head -3; cat /proc/1/environ 2>&1 | tr "\0" "\n"`,
    verdicts: ["ok"],
    forbidden: /orchestrator-sandbox-\d/,
  },
  {
    id: "E05",
    about: "EROFS/EACCES everywhere outside /work,/tmp",
    language: "python",
    code: `for p in ("/usr/bin/x","/etc/x","/x","/usr/lib/python3/dist-packages/evil.pth","/work/../x"):
  try: open(p,"w"); print("WROTE",p)
  except Exception as e: print(p,e)`,
    verdicts: ["ok"],
    forbidden: /WROTE/,
  },
  {
    id: "E06",
    about: "inode exhaustion bounded (nr_inodes or memcg), host inodes unaffected",
    language: "bash",
    code: `for i in $(seq 1 200000); do : > /tmp/f$i || { echo stop $i; break; }; done 2>&1 | tail -1`,
    verdicts: ["ok", "timeout"],
    required: /stop \d/,
  },
  {
    id: "E08",
    about: "EMFILE at nofile limit",
    language: "python",
    code: `import os
n=0
try:
  while True: os.open("/dev/null",0); n+=1
except OSError as e: print(n,e)`,
    verdicts: ["ok"],
    required: /Too many open files/,
  },
  {
    id: "E09",
    about:
      "collector: symlinks never followed, FIFOs/devices never opened (would hang), odd names escaped, hardlinks to host impossible",
    language: "bash",
    code: String.raw`cd /work; ln -s /etc/shadow a.txt; ln -s / rootdir; ln /usr/bin/env hard 2>&1; mkfifo p; mkdir -p d; ln -s ../../../../etc d/up; python3 -c "open('x\ny','w'); open(b'\xff\xfe','w')"; ls -la`,
    verdicts: ["ok"],
  },
  {
    id: "E10",
    about: "3000-deep tree: collector bounded in depth/paths, cleanup still removes it",
    language: "python",
    code: `import os
os.chdir("/work")
for i in range(3000):
  os.mkdir("d"); os.chdir("d")
print("deep")`,
    // Every step looks at all folders above it, so a slow machine does not come to the end.
    verdicts: ["ok", "timeout"],
  },
  {
    id: "E12",
    about: "mode-000 / immutable files do not break collection or cleanup",
    language: "bash",
    code: `chmod 000 /work 2>&1; mkdir -p /tmp/q; echo x > /tmp/q/x; chattr +i /tmp/q/x 2>&1; echo done`,
    verdicts: ["ok"],
    required: /done/,
  },
  {
    id: "F01",
    about: "all EPERM/ENOSYS",
    language: "python",
    code: `import ctypes
l=ctypes.CDLL(None,use_errno=True)
for n,nm in ((165,"mount"),(272,"unshare"),(308,"setns"),(250,"keyctl"),(248,"add_key"),(321,"bpf"),(425,"io_uring_setup"),(298,"perf_event_open"),(323,"userfaultfd"),(304,"open_by_handle_at"),(175,"init_module"),(246,"kexec_load"),(169,"reboot"),(167,"swapon"),(170,"sethostname"),(155,"pivot_root"),(428,"open_tree"),(442,"mount_setattr"),(310,"process_vm_readv"),(435,"clone3")):
  r=l.syscall(n,0,0,0,0,0,0); print(nm,r,ctypes.get_errno())`,
    verdicts: ["ok"],
    forbidden: / (?:[0-9]+) /,
  },
  {
    id: "F02",
    about: "no nested namespaces",
    language: "bash",
    code: `unshare -Ur id 2>&1; unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; chroot / true 2>&1`,
    verdicts: ["error"],
  },
  {
    id: "F03",
    about: "i386 ABI blocked: SIGSYS kill",
    language: "python",
    code: String.raw`import ctypes,mmap
# int 0x80 getpid from 64-bit code
b=mmap.mmap(-1,4096,prot=7)
b.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
f=ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(b)))
print("int80 getpid",f())`,
    verdicts: ["killed"],
    // A kernel that has no such ABI refuses it by itself.
    signal: /^SIG(?:SYS|SEGV)$/,
    forbidden: /int80 getpid/,
  },
  {
    id: "F05",
    about: "TIOCSTI blocked (setsid + seccomp); no controlling tty",
    language: "python",
    code: `import fcntl,os
for fd in (0,1,2):
  try: fcntl.ioctl(fd,0x5412,b"x"); print("TIOCSTI OK")
  except OSError as e: print(fd,e)`,
    verdicts: ["ok"],
    forbidden: /TIOCSTI OK/,
  },
  {
    id: "F06",
    about: "cannot raise limits/priority",
    language: "python",
    code: `import os,resource,ctypes
try: resource.setrlimit(resource.RLIMIT_CPU,(resource.RLIM_INFINITY,)*2); print("RAISED")
except Exception as e: print(e)
try: os.nice(-10); print("NICED")
except Exception as e: print(e)
try: os.sched_setscheduler(0,os.SCHED_FIFO,os.sched_param(50)); print("FIFO")
except Exception as e: print(e)`,
    verdicts: ["ok"],
    forbidden: /RAISED|NICED|FIFO/,
  },
  {
    id: "F08",
    about: "SIGSEGV reported as signal; no core file written anywhere",
    language: "python",
    code: `import ctypes
ctypes.string_at(0)`,
    verdicts: ["killed"],
    signal: "SIGSEGV",
  },
  {
    id: "F10",
    about: "pipe size/mlock limited",
    language: "python",
    code: `import os
r,w=os.pipe()
import fcntl
try: print(fcntl.fcntl(w,1031,1<<30))
except OSError as e: print(e)
import mmap
try:
  import ctypes; print(ctypes.CDLL(None,use_errno=True).mlockall(3))
except Exception as e: print(e)`,
    verdicts: ["ok"],
    forbidden: /^0$/m,
  },
  {
    id: "G01",
    about: "network off: all unreachable incl. metadata, host loopback, host LAN (new netns, lo down or empty)",
    language: "python",
    code: `import socket
for h,p in (("1.1.1.1",53),("169.254.169.254",80),("127.0.0.1",6390),("192.0.2.2",22),("::1",80)):
  s=socket.socket(socket.AF_INET6 if ":" in h else socket.AF_INET); s.settimeout(.5)
  try: s.connect((h,p)); print("CONNECTED",h)
  except Exception as e: print(h,e)`,
    verdicts: ["ok"],
    forbidden: /CONNECTED/,
  },
  {
    id: "G03",
    about: "raw/packet/netlink/AF_ALG/AF_VSOCK refused (AF_VSOCK ignores netns! must be seccomp)",
    language: "python",
    code: `import socket
for f,t in ((socket.AF_PACKET,socket.SOCK_RAW),(socket.AF_INET,socket.SOCK_RAW),(16,socket.SOCK_RAW),(38,5),(40,1)):
  try: socket.socket(f,t); print("OPEN",f)
  except Exception as e: print(f,e)`,
    verdicts: ["ok"],
    forbidden: /OPEN/,
  },
  {
    id: "G04",
    about: "abstract unix sockets isolated by netns; docker.sock absent",
    language: "python",
    code: String.raw`import socket,os
s=socket.socket(socket.AF_UNIX)
for a in ("\0sbx-canary","/var/run/docker.sock","/run/docker.sock","/tmp/.X11-unix/X0","/run/dbus/system_bus_socket"):
  try: s.connect(a); print("CONNECTED",a)
  except Exception as e: print(repr(a),e)`,
    verdicts: ["ok"],
    forbidden: /CONNECTED/,
  },
  {
    id: "H01",
    about: "poison, then run H02 in the same pool",
    language: "python",
    code: `import os,sys,builtins
builtins.print=None
sys.modules["json"]=None
os.environ["X"]="leak"
open("/tmp/leak","w").write("1")
open("/dev/shm/leak","w").write("1")`,
    verdicts: ["ok"],
  },
  {
    id: "H03",
    about:
      "LD_PRELOAD/PYTHONPATH/NODE_OPTIONS/sitecustomize affect only this run; caller-supplied env of these names refused",
    language: "bash",
    code: `mkdir -p ~/.local/lib/python3.11/site-packages; echo "import os" > ~/.local/lib/python3.11/site-packages/sitecustomize.py; export LD_PRELOAD=/tmp/evil.so PYTHONPATH=/tmp NODE_OPTIONS=--require=/tmp/x; echo ok`,
    verdicts: ["ok"],
    required: /ok/,
  },
  {
    id: "H04",
    about: "os._exit in user code = exit 0, not a lost run",
    language: "python",
    code: String.raw`import pickle,os,sys
sys.stdout=open("/dev/null","w")
import atexit
atexit.register(lambda: os.write(1,b"late\n"))
os._exit(0)`,
    verdicts: ["ok"],
    exitCode: 0,
  },
  {
    id: "H06",
    about: "JS has no in-language boundary: OS sandbox contains it",
    language: "javascript",
    code: `process.exitCode=7; process.on("exit",()=>{process.reallyExit(0)}); process.binding("fs"); require("child_process").execSync("id",{stdio:"inherit"})`,
    verdicts: ["ok"],
    required: /uid=1000/,
  },
  {
    id: "H07",
    about: "event loop kept alive: timeout kill",
    language: "javascript",
    code: `setInterval(()=>{},1e3); Promise.reject(new Error("x")); process.on("uncaughtException",()=>{}); process.on("SIGTERM",()=>{});`,
    verdicts: ["timeout"],
  },
  {
    id: "H08",
    about: "self-stopped / T-state process: deadline still SIGKILLs it",
    language: "bash",
    code: `kill -STOP $$`,
    verdicts: ["timeout"],
  },
  {
    id: "H10",
    about: "endless exec loop: killed at deadline",
    language: "python",
    code: `import os
os.execv("/usr/bin/python3",["python3"]+["-c","import os,sys;os.execv(sys.executable,[sys.executable]+sys.orig_argv[1:])"])`,
    verdicts: ["timeout"],
  },
];
