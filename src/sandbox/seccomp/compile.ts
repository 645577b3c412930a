/**
 * Compiles the policy to classic BPF, as `SECCOMP_SET_MODE_FILTER` takes it and bubblewrap reads it (`--seccomp FD`).
 *
 *     load arch;  another ABI                    -> kill
 *     load nr;    x32 bit set (x86-64)           -> kill
 *                 binary search over ranges of numbers with one action each
 *                   -> a leaf: one `ret`, or the tests of one call's arguments
 *
 * Jumps of classic BPF reach 255 instructions forward; the search splits its ranges in halves, and a right half that
 * is farther away is reached by way of an unconditional jump, which reaches anywhere.
 */
import { type Action, type ArgumentRule, ENOSYS } from "./policy.js";

/** `struct sock_filter`. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export interface Architecture {
  readonly name: "x86-64" | "arm64";
  /** `AUDIT_ARCH_*`. */
  readonly audit: number;
  /** Numbers with this bit belong to another ABI of the same architecture; 0 for none. */
  readonly foreignBit: number;
  /** Column in the table of numbers. */
  readonly column: 0 | 1;
}

export const architectures: Readonly<Record<"x64" | "arm64", Architecture>> = {
  x64: { name: "x86-64", audit: 0xc000_003e, foreignBit: 0x4000_0000, column: 0 },
  arm64: { name: "arm64", audit: 0xc000_00b7, foreignBit: 0, column: 1 },
};

/** What becomes of one number: an action, or tests of arguments in front of `allow`. */
export type Outcome = Action | readonly ArgumentRule[];

const LD_W_ABS = 0x20;
const ALU_AND_K = 0x54;
const JMP_JA = 0x05;
const JMP_JEQ_K = 0x15;
const JMP_JGE_K = 0x35;
const RET_K = 0x06;

const SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
const SECCOMP_RET_ERRNO = 0x0005_0000;
const SECCOMP_RET_ALLOW = 0x7fff_0000;

/** Offsets in `struct seccomp_data`, little-endian: the low half of an argument comes first. */
const offsetOfNumber = 0;
const offsetOfArchitecture = 4;
const offsetOfArgument = (index: number) => 16 + 8 * index;

const longestJump = 255;
/** `BPF_MAXINSNS`. */
const mostInstructions = 4096;

/**
 * @param outcomes by number; holes up to the highest are `fallback`, numbers above it answer ENOSYS.
 */
export function compileFilter(
  architecture: Architecture,
  outcomes: ReadonlyMap<number, Outcome>,
  fallback: Action,
): Instruction[] {
  const program = [
    load(offsetOfArchitecture),
    jumpIfEqual(architecture.audit, 1, 0),
    give("kill"),
    load(offsetOfNumber),
    ...(architecture.foreignBit === 0 ? [] : [jumpIfAtLeast(architecture.foreignBit, 0, 1), give("kill")]),
    ...search(toRanges(outcomes, fallback)),
  ];
  if (program.length > mostInstructions) throw new RangeError(`a filter of ${program.length} instructions is too long`);
  return program;
}

interface Range {
  readonly from: number;
  readonly outcome: Outcome;
}

/** Neighbours with the same action become one range. */
function toRanges(outcomes: ReadonlyMap<number, Outcome>, fallback: Action): Range[] {
  const highest = Math.max(...outcomes.keys());
  const ranges: Range[] = [];
  for (let number = 0; number <= highest + 1; number++) {
    const outcome = number > highest ? { errno: ENOSYS } : (outcomes.get(number) ?? fallback);
    const previous = ranges.at(-1);
    if (previous === undefined || !isSame(previous.outcome, outcome)) ranges.push({ from: number, outcome });
  }
  return ranges;
}

function isSame(left: Outcome, right: Outcome): boolean {
  if (typeof left === "string" || typeof right === "string") return left === right;
  return "errno" in left && "errno" in right && left.errno === right.errno;
}

function search(ranges: readonly Range[]): Instruction[] {
  if (ranges.length === 1) return leaf(ranges[0]!.outcome);
  const middle = ranges.length >> 1;
  const left = search(ranges.slice(0, middle));
  const right = search(ranges.slice(middle));
  const pivot = ranges[middle]!.from;
  if (left.length <= longestJump) return [jumpIfAtLeast(pivot, left.length, 0), ...left, ...right];
  return [jumpIfAtLeast(pivot, 0, 1), { code: JMP_JA, jt: 0, jf: 0, k: left.length }, ...left, ...right];
}

function leaf(outcome: Outcome): Instruction[] {
  if (typeof outcome === "string" || "errno" in outcome) return [give(outcome)];
  return [...outcome.flatMap(testArgument), give("allow")];
}

/** Falls through where the call may go on, returns where not. */
function testArgument(rule: ArgumentRule): Instruction[] {
  const matched = rule.whenMatched ?? "continue";
  const missed = rule.whenMissed ?? "continue";
  const prepare = [load(offsetOfArgument(rule.argument))];
  if (rule.mask !== undefined) prepare.push({ code: ALU_AND_K, jt: 0, jf: 0, k: rule.mask >>> 0 });
  const onMiss = missed === "continue" ? [] : [give(missed)];
  const onMatch = matched === "continue" ? [] : [give(matched)];
  // compare 1, compare 2, ... , [miss: ret or jump over the match], [match: ret]
  const overMatch =
    missed === "continue" && onMatch.length > 0 ? [{ code: JMP_JA, jt: 0, jf: 0, k: onMatch.length }] : [];
  const missPart = [...onMiss, ...overMatch];
  const compares = rule.oneOf.map((value, index) =>
    jumpIfEqual(value, rule.oneOf.length - 1 - index + missPart.length, 0),
  );
  return [...prepare, ...compares, ...missPart, ...onMatch];
}

function load(offset: number): Instruction {
  return { code: LD_W_ABS, jt: 0, jf: 0, k: offset };
}

function jumpIfEqual(value: number, jt: number, jf: number): Instruction {
  return { code: JMP_JEQ_K, jt, jf, k: value >>> 0 };
}

function jumpIfAtLeast(value: number, jt: number, jf: number): Instruction {
  return { code: JMP_JGE_K, jt, jf, k: value >>> 0 };
}

function give(action: Action): Instruction {
  const k =
    action === "allow"
      ? SECCOMP_RET_ALLOW
      : action === "kill"
        ? SECCOMP_RET_KILL_PROCESS
        : SECCOMP_RET_ERRNO | action.errno;
  return { code: RET_K, jt: 0, jf: 0, k: k >>> 0 };
}

/** As `struct sock_filter[]`, little-endian like both architectures. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jt, index * 8 + 2);
    bytes.writeUInt8(jf, index * 8 + 3);
    bytes.writeUInt32LE(k, index * 8 + 4);
  });
  return bytes;
}
