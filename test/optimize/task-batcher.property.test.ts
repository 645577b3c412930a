/** Whatever comes and whenever: each item is served exactly once, in order, within the bounds of size, wait and calls. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { TaskBatcher } from "#src/optimize/batch/task-batcher.js";
import { SimulatedClock } from "#src/testing/simulated-clock.js";

const history = fc.record({
  batchSize: fc.integer({ min: 1, max: 5 }),
  maxWaitMs: fc.constantFrom(0, 1, 7, 20),
  maxConcurrentBatches: fc.integer({ min: 1, max: 3 }),
  bisect: fc.boolean(),
  callMs: fc.constantFrom(0, 3, 12),
  items: fc.array(
    fc.record({
      gapMs: fc.constantFrom(0, 0, 0, 1, 5, 30),
      priority: fc.constantFrom(0, 0, 1),
      poisoned: fc.boolean(),
      /** Given up so many milliseconds after it came. */
      giveUpAfterMs: fc.option(fc.constantFrom(0, 2, 9, 25), { nil: undefined, freq: 6 }),
    }),
    { minLength: 1, maxLength: 25 },
  ),
});

interface Call {
  readonly items: readonly number[];
  readonly startedAt: number;
  endedAt: number;
}

it("serves each item exactly once, in order, within its bounds", async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ batchSize, maxWaitMs, maxConcurrentBatches, bisect, callMs, items }) => {
      const clock = new SimulatedClock();
      const calls: Call[] = [];
      let running = 0;
      let mostRunning = 0;
      const batcher = new TaskBatcher(
        async (numbers: readonly number[]) => {
          const call = { items: [...numbers], startedAt: clock.now(), endedAt: Number.POSITIVE_INFINITY };
          calls.push(call);
          mostRunning = Math.max(mostRunning, ++running);
          if (callMs > 0) await new Promise<void>((resolve) => void clock.schedule(callMs, resolve));
          running--;
          call.endedAt = clock.now();
          if (numbers.some((number) => items[number]!.poisoned)) throw new Error("poisoned");
          return numbers.map((number) => number * 2);
        },
        { batchSize, maxWait: maxWaitMs / 1000, maxConcurrentBatches, bisect },
        { clock },
      );
      const cameAt: number[] = [];
      const ends: string[] = items.map(() => "nothing");
      let at = 0;
      items.forEach(({ gapMs, priority, giveUpAfterMs }, number) => {
        at += gapMs;
        clock.schedule(at, () => {
          cameAt[number] = clock.now();
          const controller = new AbortController();
          batcher.run(number, { priority, signal: controller.signal }).then(
            (value) => {
              ends[number] = value === number * 2 ? "value" : `wrong: ${value}`;
            },
            (error) => {
              ends[number] = error.message;
            },
          );
          if (giveUpAfterMs !== undefined) clock.schedule(giveUpAfterMs, () => controller.abort(new Error("given up")));
        });
      });
      await clock.advance(at + 10_000);
      const inTime = { ...batcher.stats() };
      await batcher.close();

      const firstCalls = new Map<number, Call>();
      for (const call of calls) for (const item of call.items) if (!firstCalls.has(item)) firstCalls.set(item, call);
      expect(mostRunning).toBeLessThanOrEqual(maxConcurrentBatches + abandonedCalls(calls, items));
      for (const call of calls) expect(call.items.length).toBeLessThanOrEqual(batchSize);
      items.forEach(({ poisoned, giveUpAfterMs }, number) => {
        const call = firstCalls.get(number);
        const times = calls.filter((each) => each.items.includes(number)).length;
        const spoilt = poisoned || (!bisect && call?.items.some((other) => items[other]!.poisoned));
        if (giveUpAfterMs === undefined) {
          expect(ends[number]).toBe(spoilt ? "poisoned" : "value");
          if (!bisect) expect(times).toBe(1);
        } else expect(["given up", spoilt ? "poisoned" : "value"]).toContain(ends[number]);
        const late = call !== undefined && call.startedAt - cameAt[number]! > maxWaitMs;
        // Only where every place was taken when its time was up.
        if (late && abandonedCalls(calls, items) === 0) {
          const due = cameAt[number]! + maxWaitMs;
          const busy = calls.filter(({ startedAt, endedAt }) => startedAt <= due && due <= endedAt);
          expect(busy.length).toBeGreaterThanOrEqual(maxConcurrentBatches);
        }
      });
      const order = [...firstCalls.keys()];
      for (const priority of [0, 1]) {
        const same = order.filter((number) => items[number]!.priority === priority);
        expect(same).toEqual([...same].sort((left, right) => left - right));
      }
      expect(inTime).toMatchObject({ waiting: 0, inFlight: 0, calls: calls.length });
      expect(inTime.items + inTime.droppedItems).toBe(items.length);
    }),
    { numRuns: 150 },
  );
});

/** Calls that were for nobody in the end, whose place was given back before the handler was through. */
function abandonedCalls(
  calls: readonly Call[],
  items: readonly { readonly giveUpAfterMs: number | undefined }[],
): number {
  return calls.filter((call) => call.items.every((item) => items[item]!.giveUpAfterMs !== undefined)).length;
}
