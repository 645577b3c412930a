/**
 * Which system calls code in a sandbox may make. An allowlist: what is not named here is refused.
 *
 * Wide enough for interpreters, numerical libraries, threads, subprocesses and databases, and closed where the kernel
 * has had its escapes: new namespaces, mounts, `bpf`, `io_uring`, `perf`, `userfaultfd`, keys, tracing of others,
 * modules, and every socket family but unix and the internet's. A refused call answers EPERM, so that a program that
 * can do without goes on; an unknown or fallback-worthy one answers ENOSYS, for which libc has another way; only a
 * foreign ABI, which would read other numbers from the same table, ends the process.
 */
import type { SystemCall } from "./system-calls.js";

/** Allowed with any arguments. */
// biome-ignore format: a table
export const allowedCalls: readonly SystemCall[] = [
  // Files
  "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
  "open", "openat", "openat2", "creat", "close", "close_range", "lseek", "dup", "dup2", "dup3", "fcntl", "flock",
  "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
  "getdents", "getdents64", "getcwd", "chdir", "fchdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
  "link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "readlink", "readlinkat", "mknod", "mknodat",
  "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "umask", "truncate", "ftruncate",
  "fallocate", "fadvise64", "readahead", "utime", "utimes", "futimesat", "utimensat", "fsync", "fdatasync", "msync",
  "sync_file_range", "sendfile", "splice", "tee", "vmsplice", "copy_file_range", "cachestat",
  "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "setxattr", "lsetxattr", "fsetxattr",
  "removexattr", "lremovexattr", "fremovexattr",
  "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
  // Waiting
  "pipe", "pipe2", "select", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
  "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "signalfd", "signalfd4",
  "timerfd_create", "timerfd_settime", "timerfd_gettime",
  "io_setup", "io_destroy", "io_getevents", "io_submit", "io_cancel", "io_pgetevents",
  // Memory
  "mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "brk", "mlock", "mlock2", "munlock", "mlockall",
  "munlockall", "memfd_create", "pkey_alloc", "pkey_free", "pkey_mprotect", "get_mempolicy", "membarrier", "mseal",
  "map_shadow_stack",
  // Processes and threads
  "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "set_tid_address", "futex",
  "futex_waitv", "futex_wake", "futex_wait", "futex_requeue", "get_robust_list", "set_robust_list", "rseq",
  "set_thread_area", "get_thread_area", "arch_prctl", "prctl", "gettid", "getpid", "getppid", "getpgid", "setpgid",
  "getpgrp", "getsid", "setsid", "pidfd_open", "pidfd_send_signal",
  "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler",
  "sched_setscheduler", "sched_getattr", "sched_setattr", "sched_get_priority_max", "sched_get_priority_min",
  "sched_rr_get_interval", "getpriority", "setpriority", "ioprio_get", "getrlimit", "setrlimit", "prlimit64",
  "getrusage", "times", "getcpu", "capget", "capset",
  "getuid", "geteuid", "getresuid", "getgid", "getegid", "getresgid", "getgroups", "setuid", "setreuid", "setresuid",
  "setgid", "setregid", "setresgid", "setgroups", "setfsuid", "setfsgid",
  // Signals and clocks
  "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
  "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "pause", "alarm", "getitimer", "setitimer",
  "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "nanosleep",
  "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "restart_syscall",
  // Sockets; which families is decided by `socket` and `socketpair` below
  "bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
  "shutdown", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
  // Messages between processes of the same namespace
  "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv",
  "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
  // The rest of what programs ask of themselves
  "uname", "sysinfo", "getrandom", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
];

/** Answered with ENOSYS, because every caller has another way (and `clone3` hides its flags behind a pointer). */
// biome-ignore format: a table
export const absentCalls: readonly SystemCall[] = [
  "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "setxattrat", "getxattrat", "listxattrat",
  "removexattrat", "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules",
  "file_getattr", "file_setattr", "open_tree_attr",
];

/** Answered with success and not done: they would make the host write out all of its disks. */
export const pretendedCalls: readonly SystemCall[] = ["sync", "syncfs"];

const EPERM = 1;
export const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** What becomes of a call: allowed, an error number (0 is a success that did nothing), or the end of the process. */
export type Action = "allow" | "kill" | { readonly errno: number };

export const refuse: Action = { errno: EPERM };

/** One test of the low 32 bits of an argument; all that are tested here are 32 bits wide for the kernel. */
export interface ArgumentRule {
  readonly argument: number;
  /** Applied before comparing. Default all ones. */
  readonly mask?: number;
  /** The rule holds if the masked argument is one of these. */
  readonly oneOf: readonly number[];
  /** What becomes of a call for which it does not hold (`whenMissed`), or does (`whenMatched`). */
  readonly whenMatched?: Action;
  readonly whenMissed?: Action;
}

const namespaceFlags =
  0x0002_0000 | // CLONE_NEWNS
  0x0200_0000 | // CLONE_NEWCGROUP
  0x0400_0000 | // CLONE_NEWUTS
  0x0800_0000 | // CLONE_NEWIPC
  0x1000_0000 | // CLONE_NEWUSER
  0x2000_0000 | // CLONE_NEWPID
  0x4000_0000; //  CLONE_NEWNET

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const socketTypeMask = 0xf;

const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;
const TIOCCONS = 0x541d;

/** Allowed unless a rule says otherwise; rules are asked in order. */
export const conditionalCalls: Readonly<Partial<Record<SystemCall, readonly ArgumentRule[]>>> = {
  clone: [{ argument: 0, mask: namespaceFlags, oneOf: [0], whenMissed: refuse }],
  ioctl: [{ argument: 1, oneOf: [TIOCSTI, TIOCLINUX, TIOCSETD, TIOCCONS], whenMatched: refuse }],
  socket: [
    { argument: 0, oneOf: [AF_UNIX, AF_INET, AF_INET6], whenMissed: { errno: EAFNOSUPPORT } },
    { argument: 1, mask: socketTypeMask, oneOf: [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], whenMissed: refuse },
  ],
  socketpair: [{ argument: 0, oneOf: [AF_UNIX], whenMissed: { errno: EAFNOSUPPORT } }],
  // PER_LINUX as it is, and the question what it is; anything else (READ_IMPLIES_EXEC, no randomisation) weakens.
  personality: [{ argument: 0, oneOf: [0, 0xffff_ffff], whenMissed: refuse }],
};
