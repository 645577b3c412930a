import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { architectures, encodeProgram } from "#src/sandbox/seccomp/compile.js";
import { seccompProgram } from "#src/sandbox/seccomp/index.js";
import { absentCalls, allowedCalls, conditionalCalls, pretendedCalls } from "#src/sandbox/seccomp/policy.js";
import { type SystemCall, systemCalls } from "#src/sandbox/seccomp/system-calls.js";
import { runFilter } from "./bpf-interpreter.js";

const allow = 0x7fff_0000;
const kill = 0x8000_0000;
const errno = (number: number) => 0x0005_0000 + number;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97];

describe.each(Object.values(architectures))("the filter of $name", (architecture) => {
  const program = seccompProgram(architecture);
  const numberOf = (call: SystemCall) => systemCalls[call][architecture.column];
  const ask = (number: number, args: readonly bigint[] = []) =>
    runFilter(program, {
      number,
      architecture: architecture.audit,
      args: [...args, 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6),
    });
  const askCall = (call: SystemCall, ...args: bigint[]) => ask(numberOf(call), args);

  test("ends who speaks another ABI", () => {
    const i386 = 0x4000_0003;
    const arm = 0x4000_0028;
    for (const foreign of [i386, arm, 0])
      expect(runFilter(program, { number: 0, architecture: foreign, args: [0n, 0n, 0n, 0n, 0n, 0n] })).toBe(kill);
  });

  test("ends x32 where there is such a thing, and allows no such number anywhere", () => {
    const answer = architecture.foreignBit === 0 ? errno(ENOSYS) : kill;
    for (const number of [0x4000_0000, 0x4000_0027, 0xffff_ffff]) expect(ask(number)).toBe(answer);
  });

  test("refuses new namespaces by every way", () => {
    const flags = [0x0002_0000n, 0x0200_0000n, 0x0400_0000n, 0x0800_0000n, 0x1000_0000n, 0x2000_0000n, 0x4000_0000n];
    for (const flag of flags) expect(askCall("clone", flag | 17n)).toBe(errno(EPERM));
    expect(askCall("clone", 0x3d0f00n), "a thread").toBe(allow);
    expect(askCall("clone", 0x1200011n), "a fork").toBe(allow);
    expect(askCall("clone3")).toBe(errno(ENOSYS));
    expect(askCall("unshare")).toBe(errno(EPERM));
    expect(askCall("setns")).toBe(errno(EPERM));
  });

  test("looks at the low half of an argument alone, as the kernel does", () => {
    expect(askCall("ioctl", 0n, 0x1_0000_5412n), "TIOCSTI behind a high bit").toBe(errno(EPERM));
    expect(askCall("socket", 0x1_0000_0010n, 3n), "netlink behind a high bit").toBe(errno(EAFNOSUPPORT));
  });

  test("refuses to type into terminals, and lets every other ioctl be", () => {
    for (const request of [0x5412n, 0x541cn]) expect(askCall("ioctl", 0n, request)).toBe(errno(EPERM));
    for (const request of [0x5401n, 0x5413n, 0x541bn, 0x5421n]) expect(askCall("ioctl", 0n, request)).toBe(allow);
  });

  test("knows three families of sockets", () => {
    for (const family of [1n, 2n, 10n]) expect(askCall("socket", family, 0o2000001n)).toBe(allow);
    for (const family of [0n, 16n, 17n, 38n, 40n, 44n]) expect(askCall("socket", family, 1n)).toBe(errno(EAFNOSUPPORT));
    expect(askCall("socket", 2n, 3n), "raw").toBe(errno(EPERM));
    expect(askCall("socketpair", 1n, 1n)).toBe(allow);
    expect(askCall("socketpair", 2n, 1n)).toBe(errno(EAFNOSUPPORT));
  });

  test("refuses what kernels were broken with", () => {
    const refused: SystemCall[] = [
      ...(["mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "mount_setattr"] as const),
      ...(["bpf", "ptrace", "keyctl", "add_key", "request_key", "perf_event_open", "userfaultfd"] as const),
      ...([
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "kcmp",
        "open_by_handle_at",
        "name_to_handle_at",
      ] as const),
      ...(["init_module", "finit_module", "delete_module", "kexec_load", "reboot", "swapon", "sethostname"] as const),
      ...(["settimeofday", "clock_settime", "syslog", "acct", "quotactl", "memfd_secret"] as const),
    ];
    for (const call of refused) expect(askCall(call), call).toBe(errno(EPERM));
    for (const call of ["io_uring_setup", "io_uring_enter", "io_uring_register"] as const)
      expect(askCall(call), call).toBe(errno(ENOSYS));
  });

  test("does not let the host's disks be flushed, and says that it did", () => {
    for (const call of ["sync", "syncfs"] as const) expect(askCall(call)).toBe(errno(0));
  });

  test("decides every call with every argument as the policy says", () => {
    const calls = Object.keys(systemCalls) as SystemCall[];
    const byNumber = new Map<number, SystemCall>(calls.map((call) => [numberOf(call), call] as const));
    byNumber.delete(-1);
    const highest = Math.max(...byNumber.keys());
    const argument = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n, 10n, 0x5412n));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: highest + 50 }), fc.array(argument, { maxLength: 6 }), (number, args) => {
        expect(ask(number, args)).toBe(model(byNumber.get(number), number > highest, args));
      }),
      { numRuns: 5000 },
    );
  });

  test("is as long as it may be, and is encoded as the kernel reads it", () => {
    const bytes = encodeProgram(program);
    expect(bytes.length).toBe(8 * program.length);
    expect(program.length).toBeLessThan(4096);
    expect([...bytes.subarray(0, 8)]).toEqual([0x20, 0, 0, 0, 4, 0, 0, 0]);
  });
});

/** The policy, read without cleverness. */
function model(call: SystemCall | undefined, isBeyond: boolean, args: readonly bigint[]): number {
  if (isBeyond) return errno(ENOSYS);
  if (call === undefined) return errno(EPERM);
  const rules = conditionalCalls[call];
  if (rules !== undefined) {
    for (const rule of rules) {
      const low = Number(BigInt.asUintN(32, args[rule.argument] ?? 0n));
      const masked = rule.mask === undefined ? low : (low & rule.mask) >>> 0;
      const action = rule.oneOf.some((value) => value >>> 0 === masked) ? rule.whenMatched : rule.whenMissed;
      if (action === "kill") return kill;
      if (action !== undefined && action !== "allow") return errno(action.errno);
    }
    return allow;
  }
  if (allowedCalls.includes(call)) return allow;
  if (absentCalls.includes(call)) return errno(ENOSYS);
  if (pretendedCalls.includes(call)) return errno(0);
  return errno(EPERM);
}

test("the numbers of this machine are those of its kernel's headers", () => {
  // A few that every program depends on, as the C library has them on x86-64 and arm64.
  expect(systemCalls.read).toEqual([0, 63]);
  expect(systemCalls.openat).toEqual([257, 56]);
  expect(systemCalls.clone).toEqual([56, 220]);
  expect(systemCalls.clone3).toEqual([435, 435]);
  expect(systemCalls.fork).toEqual([57, -1]);
});
