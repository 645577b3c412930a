/** The index of places beside a `Map` that is told the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pack } from "#src/optimize/cache/pack.js";
import { type Place, PlaceIndex } from "#src/optimize/cache/place-index.js";

// An index only tells packs apart.
const packs = [{}, {}, {}] as readonly unknown[] as readonly Pack[];

const place = fc.record({
  pack: fc.constantFrom(...packs),
  offset: fc.constantFrom(16, 2 ** 31, 2 ** 40 + 3, 77),
  length: fc.constantFrom(15, 200, 16 * 2 ** 20 + 12),
  startedAt: fc.double({ noNaN: true }),
  file: fc.option(fc.constantFrom("ab", "cd"), { nil: undefined }),
});
const key = fc.oneof(
  fc.nat(400).map((number) => `key ${number}`),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("set" as const), key, place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete pack" as const), pack: fc.constantFrom(...packs) }) },
);

function sorted(places: Iterable<Place>): string[] {
  const plain = Array.from(places, ({ pack, ...rest }) => [
    packs.indexOf(pack),
    rest.offset,
    rest.length,
    rest.startedAt,
    rest.file,
  ]);
  return plain.map((fields) => JSON.stringify(fields)).sort();
}

describe("an index of places", () => {
  it("tells what it was told last of each key, as a map does", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
        const index = new PlaceIndex();
        const model = new Map<string, Place>();
        for (const taken of steps) {
          if (taken.kind === "set") {
            index.set(taken.key, taken.place);
            model.set(taken.key, taken.place);
          } else if (taken.kind === "delete") {
            index.delete(taken.key);
            model.delete(taken.key);
          } else {
            index.deletePack(taken.pack);
            for (const [name, { pack }] of model) if (pack === taken.pack) model.delete(name);
          }
          expect(index.size).toBe(model.size);
        }
        for (const taken of steps)
          if (taken.kind !== "delete pack") expect(index.get(taken.key)).toEqual(model.get(taken.key));
        expect(sorted(index.values())).toEqual(sorted(model.values()));
        index.clear();
        expect([...index.values()]).toEqual([]);
        for (const name of model.keys()) expect(index.get(name)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it("tells a hundred thousand keys apart", () => {
    const index = new PlaceIndex();
    const [pack] = packs as readonly [Pack];
    const count = 100_000;
    for (let number = 0; number < count; number++)
      index.set(`key ${number}`, { pack, offset: number, length: 100, startedAt: 0 });
    expect(index.size).toBe(count);
    let wrong = 0;
    for (let number = 0; number < count; number++) if (index.get(`key ${number}`)?.offset !== number) wrong++;
    expect(wrong).toBe(0);
    expect(index.get("key")).toBeUndefined();
  });
});
