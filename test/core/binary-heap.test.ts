import fc from "fast-check";
import { expect, test } from "vitest";
import { BinaryHeap } from "#src/core/containers.js";

type Step = { readonly push: number } | { readonly pop: true } | { readonly delete: number };
const steps = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 50 }) }),
    fc.constant({ pop: true as const }),
    fc.record({ delete: fc.integer({ min: 0, max: 50 }) }),
  ),
  { maxLength: 200 },
);

test("a heap gives what a sorted list would give", () => {
  fc.assert(
    fc.property(steps, (history: readonly Step[]) => {
      const heap = new BinaryHeap<number>((left, right) => left < right);
      const model: number[] = [];
      for (const step of history) {
        if ("push" in step) {
          heap.push(step.push);
          model.push(step.push);
          model.sort((left, right) => left - right);
        } else if ("pop" in step) expect(heap.pop()).toBe(model.shift());
        else {
          const place = model.indexOf(step.delete);
          expect(heap.delete(step.delete)).toBe(place >= 0);
          if (place >= 0) model.splice(place, 1);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peek()).toBe(model[0]);
      }
    }),
    { numRuns: 500 },
  );
});
