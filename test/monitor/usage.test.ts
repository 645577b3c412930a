import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageMeter } from "#src/monitor/usage.js";

/** Times as a run has them: an epoch's milliseconds, with fractions. */
const epoch = 1_790_000_000_000.25;

interface Change {
  readonly takes: boolean;
  /** Eighths of a millisecond since the change before. */
  readonly after: number;
}

const changes = fc.array(fc.record({ takes: fc.boolean(), after: fc.nat(100_000) }), { maxLength: 60 });

/** The changes that are possible (nobody gives what nobody took), with their times. */
function timed(list: readonly Change[]): { amount: 1 | -1; at: number }[] {
  let at = epoch;
  let used = 0;
  return list.flatMap(({ takes, after }) => {
    at += after / 8;
    if (!takes && used === 0) return [];
    const amount = takes ? 1 : -1;
    used += amount;
    return [{ amount, at } as const];
  });
}

/** Seconds times what was in use, step by step. */
function areaOf(list: readonly { amount: number; at: number }[], from: number, to: number): number {
  let used = 0;
  let area = 0;
  let last = from;
  for (const { amount, at } of list) {
    area += used * Math.max(0, at - last);
    last = Math.max(last, at);
    used += amount;
  }
  return (area + used * (to - last)) / 1000;
}

describe("what is in use over time", () => {
  test("is what a sum of steps gives, from a reset on too", () => {
    fc.assert(
      fc.property(changes, fc.nat(60), (list, cut) => {
        const steps = timed(list);
        const meter = new UsageMeter();
        const resetAt = steps[cut - 1]?.at;
        steps.forEach(({ amount, at }, index) => {
          meter.change(amount, at);
          if (index === cut - 1) meter.reset(at);
        });
        const end = epoch + 10_000_000;
        expect(meter.area(end)).toBeCloseTo(areaOf(steps, resetAt ?? epoch, end), 5);
      }),
    );
  });

  test("is as round as the amounts are", () => {
    const amounts = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 40 });
    fc.assert(
      fc.property(amounts, (thousandths) => {
        const meter = new UsageMeter();
        let used = 0;
        for (const amount of thousandths) {
          used += amount;
          meter.change(amount / 1000, epoch);
          expect([meter.now, meter.peak]).toEqual([used / 1000, used / 1000]);
        }
      }),
    );
  });

  test("is the same when many changes are told at once", () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const before = timed(first);
        const all = timed([...first, ...second]);
        const one = new UsageMeter();
        for (const { amount, at } of all) one.change(amount, at);
        const many = new UsageMeter();
        for (const { amount, at } of before) many.change(amount, at);
        let change = 0;
        let most = 0;
        let sum = 0;
        for (const { amount, at } of all.slice(before.length)) {
          change += amount;
          most = Math.max(most, change);
          sum += amount * (at - epoch);
        }
        many.changeAll(change, most, sum, epoch);
        const end = epoch + 10_000_000;
        expect([many.now, many.peak]).toEqual([one.now, one.peak]);
        expect(many.area(end)).toBeCloseTo(one.area(end), 5);
      }),
    );
  });
});
