import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue, encodeValue, Unstorable } from "#src/optimize/cache/codec.js";
import { decodeRecord, encodeRecord } from "#src/optimize/cache/record-codec.js";

const round = (value: unknown): unknown => {
  const bytes = encodeValue(value);
  if (bytes instanceof Unstorable) throw new Error(bytes.what);
  return decodeValue(bytes);
};

describe("values as bytes", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: false,
    maxDepth: 3,
  });

  test("come back as themselves", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const bytes = encodeValue(value);
        // A property named __proto__ has no form.
        if (bytes instanceof Unstorable) expect(bytes.what).toContain("__proto__");
        else expect(decodeValue(bytes)).toStrictEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("keep what JSON would change", () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(round(loop)).toStrictEqual(loop);
    const shared = { x: 1 };
    const [one, other] = round([shared, shared]) as [object, object];
    expect(one).toBe(other);
    expect(Object.is((round({ n: -0 }) as { n: number }).n, -0)).toBe(true);
    expect(round({ a: undefined })).toStrictEqual({ a: undefined });
    expect(round("\ud800")).toBe("\ud800");
    expect(round({ toJSON: 1 })).toStrictEqual({ toJSON: 1 });
    expect(round(Object.assign([1], { index: 3 }))).toStrictEqual(Object.assign([1], { index: 3 }));
  });

  test("have memory of their own, so that a change reaches nobody else", () => {
    const bytes = encodeValue({
      view: new Uint8Array([1, 2, 3]),
      buffer: Buffer.from("abc"),
      data: new DataView(new ArrayBuffer(2)),
    });
    const read = () => decodeValue(bytes as Uint8Array) as { view: Uint8Array; buffer: Buffer; data: DataView };
    const first = read();
    expect(first.view.buffer.byteLength).toBe(3);
    expect(Buffer.isBuffer(first.buffer)).toBe(true);
    first.view.fill(9);
    first.buffer.fill(9);
    first.data.setUint8(0, 9);
    expect(read()).toStrictEqual({
      view: new Uint8Array([1, 2, 3]),
      buffer: Buffer.from("abc"),
      data: new DataView(new ArrayBuffer(2)),
    });
  });

  test.each([
    ["a function", { run: () => 1 }, "the function run"],
    ["an instance of a class", [new (class Row {})()], "an instance of Row"],
    ["an error", new Error("x"), "an instance of Error"],
    ["a symbol", Symbol("s"), "a symbol"],
    ["an object without a prototype", Object.create(null), "an object without a prototype"],
    ["a map with properties", Object.assign(new Map(), { a: 1 }), "a built-in object with properties of its own"],
    ["a property named by a symbol", { [Symbol("s")]: 1 }, "an object with a property named by a symbol"],
  ])("have no form for %s", (_name, value, what) => {
    expect(encodeValue(value)).toEqual(new Unstorable(what));
  });
});

test("records come back as themselves", () => {
  const time = fc.oneof(fc.double({ noNaN: true }), fc.constant(Number.POSITIVE_INFINITY));
  const record = fc.record(
    {
      bytes: fc.uint8Array({ maxLength: 50 }),
      startedAt: time,
      freshUntil: time,
      usableUntil: time,
      task: fc.string({ maxLength: 100 }),
      tags: fc.array(fc.string(), { maxLength: 3 }),
      failure: fc.boolean(),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(record, (given) => {
      const read = decodeRecord(encodeRecord(given))!;
      expect({ ...read, bytes: new Uint8Array(read.bytes) }).toStrictEqual(given);
    }),
  );
});

test.each(["[12345]", "1234567", '{"a":1}', "no json"])("a record whose tags are %s is none", (tags) => {
  const given = { startedAt: 1, freshUntil: 2, usableUntil: 3, task: "task", tags: ["abc"], failure: false };
  const bytes = encodeRecord({ ...given, bytes: Uint8Array.of(0) });
  expect(decodeRecord(bytes)?.tags).toEqual(["abc"]);
  bytes.write(tags, bytes.indexOf('["abc"]'));
  expect(decodeRecord(bytes)).toBeUndefined();
});
