/** The core's containers against naive models. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerHeap } from "#src/core/containers.js";
import { BitsetQueue, ReadyQueue } from "#src/core/ready-queue.js";
import { TaskIndex } from "#src/core/task-index.js";

describe("BitsetQueue", () => {
  test("gives the smallest member, like a sorted set", () => {
    const capacities = fc.constantFrom(1, 31, 32, 33, 1024, 1025, 40_000);
    fc.assert(
      fc.property(capacities, fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 200 }), (capacity, moves) => {
        const queue = new BitsetQueue(capacity);
        const model = new Set<number>();
        for (const [adds, value] of moves) {
          const member = value % capacity;
          if (adds && !model.has(member)) {
            queue.add(member);
            model.add(member);
          } else if (!adds && model.has(member)) {
            queue.remove(member);
            model.delete(member);
          }
          expect(queue.first()).toBe(model.size === 0 ? -1 : Math.min(...model));
          expect(queue.size).toBe(model.size);
        }
      }),
    );
  });
});

describe("TimerHeap", () => {
  test("gives the earliest deadline, like a sorted list, through changes and removals", () => {
    const moves = fc.array(
      fc.tuple(fc.constantFrom("set", "set", "delete", "take"), fc.nat(20), fc.integer({ min: 0, max: 50 })),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(moves, (all) => {
        const heap = new TimerHeap();
        const model = new Map<number, number>();
        for (const [move, task, time] of all) {
          if (move === "set") {
            heap.set(task, time);
            model.set(task, time);
          } else if (move === "delete") {
            heap.delete(task);
            model.delete(task);
          } else if (model.size > 0) {
            const first = heap.firstTask();
            expect(model.get(first)).toBe(Math.min(...model.values()));
            heap.delete(first);
            model.delete(first);
          }
          expect(heap.firstTime()).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
          expect(heap.size).toBe(model.size);
        }
      }),
    );
  });
});

describe("ReadyQueue", () => {
  test("gives ranked, added and resuming tasks in their order", () => {
    const planned = 40;
    const moves = fc.array(fc.tuple(fc.constantFrom("push", "resume", "remove", "take"), fc.nat(59)), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(planned).keys()], { minLength: planned }), moves, (order, all) => {
        const members = Int32Array.from(order);
        const ranks = new Int32Array(planned);
        for (const [rank, task] of members.entries()) ranks[task] = rank;
        // Added tasks come after or between those of the plan.
        const keyOf = (task: number): number =>
          task < planned ? ranks[task]! : ((task * 7) % planned) + 0.5 + task / 1000;
        const queue = new ReadyQueue(members, ranks, planned, (left, right) => keyOf(left) < keyOf(right));
        const model = new Set<number>();
        let resuming: number[] = [];
        const best = (): number => resuming[0] ?? [...model].sort((left, right) => keyOf(left) - keyOf(right))[0] ?? -1;
        for (const [move, task] of all) {
          const known = model.has(task) || resuming.includes(task);
          if (move === "push" && !known) {
            queue.push(task);
            model.add(task);
          } else if (move === "resume" && !known) {
            queue.pushResuming(task);
            resuming.push(task);
          } else if (move === "remove" && known) {
            queue.remove(task);
            model.delete(task);
            resuming = resuming.filter((other) => other !== task);
          } else if (move === "take" && best() >= 0) {
            const taken = best();
            queue.remove(taken);
            model.delete(taken);
            resuming = resuming.filter((other) => other !== taken);
          }
          expect(queue.peek()).toBe(best());
          expect(queue.size).toBe(model.size + resuming.length);
        }
      }),
    );
  });
});

describe("TaskIndex", () => {
  test("numbers ids like a Map, through growth", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 6, unit: "binary" }), { maxLength: 300 }),
        fc.nat(10),
        (ids, expected) => {
          const index = new TaskIndex(expected);
          const model = new Map<string, number>();
          for (const id of ids) {
            expect(index.add(id)).toBe(model.get(id) ?? -1);
            if (!model.has(id)) model.set(id, model.size);
          }
          expect([...index]).toEqual([...model]);
          expect(ids.map((id) => index.get(id))).toEqual(ids.map((id) => model.get(id)));
          expect(index.get("not in it at all")).toBeUndefined();
          const numbers = new Int32Array(ids.length + 1);
          expect(index.readNumbers([...ids, "unknown-id"], numbers, 0)).toBe(1);
          expect([...numbers]).toEqual([...ids.map((id) => model.get(id)), -1]);
        },
      ),
    );
  });

  test("tells ids apart whose hashes agree in the bits that it keeps", () => {
    const index = new TaskIndex();
    const ids = Array.from({ length: 100_000 }, (_, number) => `customer-${number}/step`);
    for (const id of ids) index.add(id);
    expect(ids.filter((id, number) => index.get(id) !== number)).toEqual([]);
  });
});
