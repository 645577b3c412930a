import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalText, NotCanonicalError } from "#src/model/canonical.js";

/** Values that somebody might take for one another. */
const nearMisses: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  "true",
  0,
  -0,
  "0",
  "",
  1,
  1n,
  "1",
  "1n",
  [1],
  ["1"],
  [[1]],
  [],
  [undefined],
  // biome-ignore lint/suspicious/noSparseArray: a hole is one of the things to be told apart
  [,],
  [null],
  {},
  Object.create(null),
  { 0: 1 },
  { "": 1 },
  { a: undefined },
  { a: 1 },
  { a: "1" },
  { a: 1, b: 2 },
  { a: { b: 2 } },
  { ab: 1 },
  [{ a: 1 }],
  ["a", "b"],
  ["a,b"],
  ["ab"],
  ["a", ""],
  ["", "a"],
  Number.NaN,
  "NaN",
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e21,
  "1e21",
  0.1,
  0.1 + 0.2,
  0.3,
  Number.MIN_VALUE,
  new Date(0),
  new Date(1),
  new Date(Number.NaN),
  new Date(0).toISOString(),
  /a/,
  /a/g,
  /a/i,
  "/a/",
  new Map(),
  new Set(),
  new Map([["a", 1]]),
  new Map([[1, "a"]]),
  new Map<unknown, unknown>([["a", 1n]]),
  new Set(["a", 1]),
  new Set([["a", 1]]),
  new Set([1]),
  new Set(["1"]),
  new Uint8Array([1]),
  Buffer.from([1]),
  new Uint8Array([1]).buffer,
  new Int8Array([1]),
  new Uint8ClampedArray([1]),
  new Uint8Array([1, 0]),
  new Uint16Array([1]),
  new DataView(new Uint8Array([1]).buffer),
  new Float64Array([0]),
  new Float64Array([-0]),
  new URL("https://example.org/"),
  "https://example.org/",
  "\ud800",
  "\ud801",
  "\ufffd",
  "\u00e9",
  "e\u0301",
  Object.assign([1], { index: 0 }),
  Object.assign(new Map(), { a: 1 }),
];

describe("canonical text", () => {
  test("tells near misses apart, each from every other", () => {
    const texts = nearMisses.map((value) => canonicalText(value));
    for (const [index, text] of texts.entries())
      expect(texts.indexOf(text), `${index}: ${text} is also that of another`).toBe(index);
  });

  test("is the same whatever the order of keys, maps and sets", () => {
    expect(canonicalText({ b: 1, a: [2] })).toBe(canonicalText({ a: [2], b: 1 }));
    const one = new Map<unknown, unknown>([
      [{ x: 1 }, "a"],
      ["k", new Set([1, "1"])],
    ]);
    const other = new Map<unknown, unknown>([
      ["k", new Set(["1", 1])],
      [{ x: 1 }, "a"],
    ]);
    expect(canonicalText(one)).toBe(canonicalText(other));
    expect(canonicalText([1, 2])).not.toBe(canonicalText([2, 1]));
  });

  test("is the same for what is shared and for what is copied, and ends for cycles", () => {
    const shared = { x: 1 };
    expect(canonicalText([shared, shared])).toBe(canonicalText([{ x: 1 }, { x: 1 }]));
    const loop: { self?: unknown; a: number } = { a: 1 };
    loop.self = loop;
    const same: { self?: unknown; a: number } = { a: 1 };
    same.self = same;
    expect(canonicalText(loop)).toBe(canonicalText(same));
    const other: { self?: unknown; a: number } = { a: 1 };
    other.self = [other];
    expect(canonicalText(other)).not.toBe(canonicalText(loop));
    const set = new Set<unknown>();
    set.add([set]);
    expect(canonicalText(set)).toBe("S1{a1[^0;]}");
  });

  // The model of "structurally equal" is Node's own deep comparison.
  const leaf = fc.oneof(
    fc.constantFrom(...nearMisses.filter((value) => typeof value !== "object" || value === null)),
    fc.integer({ min: -2, max: 2 }),
    fc.double(),
    fc.string({ maxLength: 3, unit: fc.constantFrom("a", "1", ":", ";", "{", "}", "[", "\ud800", "é") }),
    fc.bigInt({ min: -2n, max: 2n }),
    fc.constantFrom(0, 1).map((time) => new Date(time)),
    fc.uint8Array({ maxLength: 2 }),
  );
  const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "1", "a:", ""), tie("value"), { maxKeys: 3, noNullPrototype: true }),
      // Keys and members are told apart by the language's own equality, so only plain ones can be compared exactly.
      fc
        .array(fc.tuple(fc.constantFrom<unknown>("a", 1, "1", null, 2n), tie("value")), { maxLength: 3 })
        .map((entries) => new Map(entries)),
      fc.array(fc.constantFrom<unknown>("a", 1, "1", null, 2n, undefined), { maxLength: 3 }).map((m) => new Set(m)),
    ),
  }));

  test("is equal exactly where values are structurally equal", () => {
    fc.assert(
      fc.property(anyValue, anyValue, (left, right) => {
        expect(canonicalText(left) === canonicalText(right)).toBe(isDeepStrictEqual(left, right));
      }),
      { numRuns: 3000 },
    );
  });

  test("is equal for a copy in another order, and differs after any one change", () => {
    fc.assert(
      fc.property(anyValue, fc.infiniteStream(fc.nat(1000)), (value, choices) => {
        expect(canonicalText(shuffled(value, choices))).toBe(canonicalText(value));
        const changed = changeOne(structuredClone(value), choices);
        expect(canonicalText(changed)).not.toBe(canonicalText(value));
      }),
      { numRuns: 2000 },
    );
  });

  test("is never the beginning of another one's, so a list of texts has one reading", () => {
    fc.assert(
      fc.property(anyValue, anyValue, (left, right) => {
        const [one, other] = [canonicalText(left), canonicalText(right)];
        if (one !== other) expect(one.startsWith(other)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  const socket = new (class Socket {})();
  test.each([
    ["a function", { run: () => 1 }, "run", "the function run"],
    ["a symbol", [Symbol("s")], "[0]", "a symbol"],
    ["an instance of a class", { rows: [{}, { socket }] }, "rows[1].socket", "an instance of Socket"],
    ["what is inside a map", { m: new Map([["k", socket]]) }, "m[0]", "an instance of Socket"],
    ["a promise", Promise.resolve(1), "", "an instance of Promise"],
    ["a weak map", new WeakMap(), "", "an instance of WeakMap"],
    ["an error", new TypeError("x"), "", "an instance of TypeError"],
    ["a boxed number", Object(1), "", "an instance of Number"],
    ["what only looks like a map", Object.create(Map.prototype), "", "an instance of Map"],
    ["a subclass", new (class Special extends Map {})(), "", "an instance of Special"],
    ["shared memory", new Uint8Array(new SharedArrayBuffer(1)), "", "a view of memory that threads share"],
    ["a property named by a symbol", { [Symbol("s")]: 1 }, "", "an object with a property named by Symbol(s)"],
  ])("refuses %s, and says where it is", (_name, value, path, what) => {
    expect(() => canonicalText(value)).toThrow(NotCanonicalError);
    expect(() => canonicalText(value)).toThrow(expect.objectContaining({ code: "NOT_KEYABLE", path, what }));
  });

  test("refuses what is nested without end or unfolds without end, rather than run out of stack or memory", () => {
    let deep: unknown[] = [];
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() => canonicalText(deep)).toThrow("nested deeper than 1000");
    let doubling: unknown[] = ["x"];
    for (let level = 0; level < 60; level++) doubling = [doubling, doubling];
    expect(() => canonicalText(doubling, { maximumLength: 1_000_000 })).toThrow("longer than 1000000 characters");
  });
});

type Choices = Iterator<number> | Iterable<number>;

function pick(choices: Choices, below: number): number {
  const { value } = (choices as Iterator<number>).next();
  return (value as number) % below;
}

/** An equal value whose objects, maps and sets were filled in another order. */
function shuffled(value: unknown, choices: Choices): unknown {
  const mix = <T>(items: T[]): T[] => {
    for (let last = items.length - 1; last > 0; last--) {
      const other = pick(choices, last + 1);
      [items[last], items[other]] = [items[other]!, items[last]!];
    }
    return items;
  };
  if (Array.isArray(value)) return value.map((item) => shuffled(item, choices));
  if (value instanceof Map)
    return new Map(mix([...value].map(([key, held]) => [key, shuffled(held, choices)] as const)));
  if (value instanceof Set) return new Set(mix([...value]));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(mix(Object.entries(value).map(([key, held]) => [key, shuffled(held, choices)] as const)));
}

/** The value with one thing in it changed. */
function changeOne(value: unknown, choices: Choices): unknown {
  if (Array.isArray(value) && value.length > 0 && pick(choices, 3) > 0) {
    const at = pick(choices, value.length);
    return value.with(at, changeOne(value[at], choices));
  }
  if (value instanceof Map && value.size > 0) {
    const [key, held] = [...value][pick(choices, value.size)]!;
    return new Map([...value, [key, changeOne(held, choices)]]);
  }
  if (Array.isArray(value)) return [...value, undefined];
  if (value instanceof Set) return new Set([...value, "another"]);
  if (value instanceof Map) return new Map([...value, ["another", 1]]);
  if (value instanceof Date) return new Date(value.getTime() + 1);
  if (value instanceof Uint8Array) return new Uint8Array([...value, 0]);
  if (typeof value === "string") return `${value}x`;
  if (typeof value === "object" && value !== null) return { ...value, another: undefined };
  return [value];
}
