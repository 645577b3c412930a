import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashOf } from "#src/core/task-index.js";
import { KindNumbers, kindOfId, otherKind, otherKindName, TaskKinds } from "#src/core/task-kinds.js";

/** Ids in which marks are not rare. An empty one is refused. */
const ids = fc.string({
  unit: fc.constantFrom("a", "b", "[", "]", "#", ":", "1", "é", "名"),
  minLength: 1,
  maxLength: 8,
});

describe("kinds of tasks", () => {
  test("are the text before the first mark, and one hash is made on the way", () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 40 }), (list) => {
        const numbers = new KindNumbers();
        for (const id of list) {
          expect(numbers.readId(id)).toBe(hashOf(id));
          expect(numbers.name(numbers.lastOfId)).toBe(kindOfId(id));
          expect(numbers.ofId(id)).toBe(numbers.ofName(kindOfId(id)));
        }
      }),
    );
  });

  test("are a thousand, and the others together", () => {
    const numbers = new KindNumbers();
    const known = Array.from({ length: 1000 }, (_, index) => numbers.ofName(`kind-${index}`));
    expect(new Set(known).size).toBe(1000);
    expect(numbers.ofId("kind-1000")).toBe(otherKind);
    expect(numbers.ofId("kind-999[3]")).toBe(known[999]);
    expect(numbers.name(otherKind)).toBe(otherKindName);
  });

  test("are the same whether a graph is compiled with them or they are asked for later", () => {
    const tasks = Array.from({ length: 3000 }, (_, index) =>
      index % 3 === 0 ? { id: `t-${index}`, name: `kind ${index % 7}` } : { id: `t${index % 11}[${index}]` },
    );
    const early = new TaskKinds(tasks.length);
    tasks.forEach((task, number) => {
      expect(early.read(number, task)).toBe(hashOf(task.id));
    });
    const late = new TaskKinds(tasks.length);
    const name = (kinds: TaskKinds, number: number) => kinds.numbers.name(kinds.of(number, tasks));
    tasks.forEach((_, number) => {
      expect(name(late, number)).toBe(name(early, number));
    });
  });
});
