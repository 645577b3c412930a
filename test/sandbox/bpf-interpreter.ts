/** Classic BPF as the kernel runs it for seccomp: enough to ask a filter what it would answer. */
import type { Instruction } from "#src/sandbox/seccomp/compile.js";

export interface SystemCallData {
  readonly number: number;
  readonly architecture: number;
  /** Six arguments of 64 bits. */
  readonly args: readonly bigint[];
}

/** The filter's return value. Throws where the kernel's verifier would refuse the program. */
export function runFilter(program: readonly Instruction[], data: SystemCallData): number {
  const memory = Buffer.alloc(64);
  memory.writeUInt32LE(data.number >>> 0, 0);
  memory.writeUInt32LE(data.architecture >>> 0, 4);
  for (const [index, value] of data.args.entries()) memory.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + 8 * index);
  let accumulator = 0;
  for (let counter = 0; counter < program.length; counter++) {
    const { code, jt, jf, k } = program[counter]!;
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k > 60) throw new Error(`load of offset ${k}`);
        accumulator = memory.readUInt32LE(k);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        counter += k;
        break;
      case 0x15:
        counter += accumulator === k ? jt : jf;
        break;
      case 0x35:
        counter += accumulator >= k ? jt : jf;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code.toString(16)}`);
    }
  }
  throw new Error("the program ran over its end");
}
