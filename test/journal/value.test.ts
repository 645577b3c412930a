/** Values come back from bytes as they were, and what would not is refused. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, MalformedBytes } from "#src/journal/bytes.js";
import { decodeValue } from "#src/journal/decode-value.js";
import { encodeValue, UnfaithfulValue } from "#src/journal/encode-value.js";
import { OrchestratorError } from "#src/model/error.js";

function throughBytes(value: unknown): unknown {
  const writer = new ByteWriter();
  encodeValue(writer, value);
  const reader = new ByteReader(Buffer.from(writer.buffer.subarray(0, writer.length)));
  const back = decodeValue(reader);
  expect(reader.at).toBe(writer.length);
  return back;
}

describe("a value comes back as it was", () => {
  test("any value, of any depth", () => {
    const text = fc.string({ unit: "binary" });
    const anything = fc.anything({
      key: fc.oneof(text, fc.constantFrom("__proto__", "constructor", "length")),
      values: [
        fc.boolean(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.double(),
        text,
        // Lone surrogates too.
        fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
        fc.bigInt(),
        fc.constantFrom(undefined, null, -0, Number.NaN, Number.NEGATIVE_INFINITY),
      ],
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withBigInt: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        // Not `toStrictEqual`, which takes a field named "constructor" for the class.
        expect(isDeepStrictEqual(comparable(throughBytes(value)), comparable(value))).toBe(true);
      }),
      { numRuns: 3000, examples: [[[{ "": new Date(Number.NaN) }]], [new Set([new Date(Number.NaN), new Date(1)])]] },
    );
  });

  test("and the comparison sees invalid dates", () => {
    const [invalid, other] = [new Date(Number.NaN), new Date(Number.NaN)];
    expect(isDeepStrictEqual(comparable([invalid]), comparable([other]))).toBe(true);
    for (const wrong of [[new Date(0)], [null], [Number.NaN], [{}], [invalid, invalid], [new Set([invalid])]])
      expect(isDeepStrictEqual(comparable([invalid]), comparable(wrong))).toBe(false);
    expect(isDeepStrictEqual(comparable(new Set([invalid])), comparable(new Set([invalid, other])))).toBe(false);
  });

  test.each([
    ["a hole is not undefined", Object.assign(new Array(3), { 0: undefined, 2: 1 })],
    ["a buffer", Buffer.from("bytes")],
    ["a view of part of a buffer", new Uint8Array(new ArrayBuffer(16), 4, 3)],
    ["a DataView", new DataView(new ArrayBuffer(3))],
    ["a regular expression", /a(?<b>.)/giu],
    ["a URL", new URL("https://example.org/a?b=c#d")],
    ["a long text", "ä".repeat(100_000)],
  ])("%s", (_, value) => {
    expect(throughBytes(value)).toStrictEqual(value);
  });

  test("-0 stays -0, and an invalid date invalid", () => {
    expect(throughBytes(-0)).toBe(-0);
    expect(throughBytes(new Date(Number.NaN))).toStrictEqual(new Date(Number.NaN));
  });

  test("an error keeps class, message, stack, cause, code and data", () => {
    const cause = Object.assign(new RangeError("inner"), { code: "E_INNER", detail: { at: [1, 2] } });
    const error = new OrchestratorError("COMMAND_FAILED", "outer", { cause });
    const back = throughBytes({ error }) as { error: OrchestratorError };
    expect(back.error).toBeInstanceOf(OrchestratorError);
    expect(back.error).toMatchObject({ code: "COMMAND_FAILED", message: "outer", stack: error.stack });
    expect(back.error.cause).toBeInstanceOf(RangeError);
    expect(back.error.cause).toMatchObject({ message: "inner", code: "E_INNER", detail: { at: [1, 2] } });
  });

  test("an object in two places is one object, and a circle closes", () => {
    const shared = { n: 1 };
    const circle: unknown[] = [shared, shared, new Map([[shared, new Set([shared])]])];
    circle.push(circle);
    const back = throughBytes(circle) as [object, object, Map<object, Set<object>>, unknown];
    expect(back[1]).toBe(back[0]);
    expect(back[2].get(back[0])!.has(back[0])).toBe(true);
    expect(back[3]).toBe(back);
  });
});

describe("what would not come back as it was is refused, with the path to it", () => {
  class Money {
    readonly amount = 1;
  }
  test.each<[string, unknown, string, string]>([
    ["a function", () => 1, "output", "a function"],
    ["an instance of a class", { rows: [1, { price: new Money() }] }, "output.rows[1].price", "an instance of Money"],
    ["a promise", [Promise.resolve()], "output[0]", "a promise"],
    ["a symbol", { "a b": Symbol("s") }, "output[a b]", "a symbol"],
    ["a symbol for a key", { [Symbol("s")]: 1 }, "output", "an object with symbols for keys"],
    ["shared memory", new Uint8Array(new SharedArrayBuffer(1)), "output", "a view of memory that threads share"],
    ["a weak map", new Map([["k", new WeakMap()]]), "output.k", "an instance of WeakMap"],
    ["a map with fields", Object.assign(new Map(), { extra: 1 }), "output", "a map with properties of its own"],
    ["what is nested too deep", nested(1001), "output", "nested deeper than 1000 levels"],
    ["what is far inside", nested(30, Symbol("s")), `output${"[0]".repeat(8)} ... ${"[0]".repeat(8)}`, "a symbol"],
  ])("%s", (_, value, path, what) => {
    const thrown = errorOf(() => encodeValue(new ByteWriter(), value)) as UnfaithfulValue;
    expect(thrown).toBeInstanceOf(UnfaithfulValue);
    expect(thrown.pathFrom("output")).toBe(path);
    expect(thrown.what).toContain(what);
  });
});

test("what is nested as deep as is taken comes back, on a stack that is half full; bytes that nest deeper are no value", () => {
  const halfFull = <Result>(action: () => Result, frames = 4000): Result =>
    frames === 0 ? action() : halfFull(action, frames - 1);
  const writer = new ByteWriter();
  encodeValue(writer, nested(1000));
  const bytes = Buffer.from(writer.buffer.subarray(0, writer.length));
  halfFull(() => decodeValue(new ByteReader(bytes)));
  // An array of one, and so on.
  const deep = Buffer.alloc(200_000, Buffer.of(10, 1));
  expect(() => decodeValue(new ByteReader(deep))).toThrow("has a value nested deeper than 1000 levels");
});

test("bytes that are no value are told from those that are: nothing but MalformedBytes is thrown", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeValue(new ByteReader(Buffer.from(bytes)));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedBytes);
      }
    }),
    { numRuns: 5000 },
  );
});

function nested(depth: number, innermost: unknown = 1): unknown {
  let value = innermost;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

class InvalidDate {}

/** A copy for `isDeepStrictEqual`, which takes two invalid dates for different: in their places are things that are equal. */
function comparable(value: unknown): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? new InvalidDate() : value;
  if (value instanceof Map) return new Map(Array.from(value, ([key, held]) => [comparable(key), comparable(held)]));
  if (value instanceof Set) return new Set(Array.from(value, comparable));
  // Holes stay holes.
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value)).map(
    ([key, field]) => [key, { ...field, value: comparable(field.value) }] as const,
  );
  return Object.create(Object.getPrototypeOf(value) as object | null, Object.fromEntries(fields));
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
