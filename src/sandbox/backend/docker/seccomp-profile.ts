/**
 * The policy of system calls, the very one of the process sandbox, as a profile in Docker's JSON.
 *
 * Docker's own profile is a fine one, and is not taken: it lets another ABI's calls (i386, x32) and more socket families
 * by, it changes with the daemon's version, and code should meet one wall whichever backend carries it.
 *
 * The JSON knows less than the compiled filter: its rules only allow, all tests of one rule hold together, and a rule
 * tests an argument once. So "all but these numbers" is written as the ranges of bits beside them, and a socket of a
 * family that is not allowed answers EPERM rather than EAFNOSUPPORT.
 */
import type { ArgumentRule } from "../../seccomp/policy.js";
import { absentCalls, allowedCalls, conditionalCalls, ENOSYS, pretendedCalls } from "../../seccomp/policy.js";

interface ProfileArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo: number;
  readonly op: "SCMP_CMP_MASKED_EQ";
}

interface ProfileRule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly ProfileArgument[];
}

const allOnes = 0xffff_ffff;

/** @param architecture as the daemon tells its own. */
export function seccompProfile(architecture: string): string {
  const isArm = /^(?:aarch64|arm64)$/.test(architecture);
  const rules: ProfileRule[] = [
    { names: allowedCalls, action: "SCMP_ACT_ALLOW" },
    { names: absentCalls, action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    { names: pretendedCalls, action: "SCMP_ACT_ERRNO", errnoRet: 0 },
    ...Object.entries(conditionalCalls).flatMap(([name, tests]) =>
      combinations(tests.map(waysToPass)).map(
        (args): ProfileRule => ({ names: [name], action: "SCMP_ACT_ALLOW", args }),
      ),
    ),
  ];
  return JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    // No other ABI: its calls end the process.
    architectures: [isArm ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64"],
    syscalls: rules,
  });
}

/** Each of them alone lets the argument by. Only the low 32 bits are looked at, as the kernel does for these calls. */
function waysToPass({ argument, mask = allOnes, oneOf, whenMatched }: ArgumentRule): ProfileArgument[] {
  const equals = (bits: number, value: number): ProfileArgument => ({
    index: argument,
    value: bits >>> 0,
    valueTwo: value >>> 0,
    op: "SCMP_CMP_MASKED_EQ",
  });
  if (whenMatched === undefined) return oneOf.map((value) => equals(mask, value & mask));
  return rangesBeside(oneOf).map(([bits, value]) => equals(bits, value));
}

/** All numbers of 32 bits but the given ones, as the fewest `(number & bits) === value`. */
export function rangesBeside(numbers: readonly number[], length = 0, prefix = 0): [bits: number, value: number][] {
  const bits = length === 0 ? 0 : (allOnes << (32 - length)) >>> 0;
  const inside = numbers.filter((number) => (number & bits) >>> 0 === prefix);
  if (inside.length === 0) return [[bits, prefix]];
  if (length === 32) return [];
  const half = 2 ** (31 - length);
  return [...rangesBeside(inside, length + 1, prefix), ...rangesBeside(inside, length + 1, prefix + half)];
}

/** One of each list, in every combination. */
function combinations<Item>(lists: readonly (readonly Item[])[]): Item[][] {
  return lists.reduce<Item[][]>((found, list) => found.flatMap((items) => list.map((item) => [...items, item])), [[]]);
}
