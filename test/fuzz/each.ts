/**
 * Fuzzes targets as tests. `FUZZ_INPUTS=1000000` sets how many inputs for each (default 4,000; fewer where a target is
 * slow), `FUZZ_SEED` repeats a run; see docs/reliability.md.
 */
import { describe, expect, test } from "vitest";
import { type FuzzTarget, fuzz } from "./fuzzer.js";

const inputs = Number(process.env.FUZZ_INPUTS ?? 4000);
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

export function fuzzEach(promise: string, targets: readonly FuzzTarget[]): void {
  describe(promise, () => {
    test.each(targets)("$name", { timeout: 6 * 3_600_000 }, async (target) => {
      const report = await fuzz(target, inputs, seed);
      console.log(
        `${target.name}: ${report.inputs} inputs, corpus ${report.corpus}, ${report.blocks} blocks, seed ${seed}`,
      );
      expect(report.blocks, "coverage guides").toBeGreaterThan(5);
    });
  });
}

/** Runs `action`; an error of any other kind than these is a finding. */
export function refusesWith(
  kinds: readonly (new (...args: never[]) => Error)[],
  action: () => void,
): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    // A stack overflow is a RangeError too, and never an answer.
    const overflow = error instanceof RangeError && error.message.includes("call stack");
    if (!overflow && kinds.some((kind) => error instanceof kind)) return error as Error;
    throw error;
  }
}
