/** What is checked by hand beside the schema: it takes nothing that the schema would not take, and takes what is common. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersMessage, parcelMessage } from "#src/runner/remote/messages.js";
import { areEnds, isPlainParcel, readAnswers, readParcel } from "#src/runner/remote/read-message.js";

const name = fc.string({ minLength: 1, maxLength: 20 });
const count = fc.nat();
const plainValue = fc.record({ j: fc.jsonValue() });
const inputs = fc.dictionary(name, plainValue, { maxKeys: 3 });

const works = fc.array(
  fc.record({ kind: fc.constantFrom("thread", "process"), module: name, version: name, exportName: name }),
  { maxLength: 2 },
);
const attempts = fc.array(
  fc.record(
    { token: count, task: name, name: fc.string(), attempt: fc.integer({ min: 1, max: 9 }), work: count, inputs },
    { requiredKeys: ["token", "task", "name", "attempt", "work"] },
  ),
  { minLength: 1, maxLength: 3 },
);
const parcel = fc.record(
  { version: fc.constant(1), run: name, inbox: fc.stringMatching(/^[\w-]{1,100}$/), at: count, works, attempts },
  { requiredKeys: ["version", "run", "at", "works", "attempts"] },
);
const success = fc.record(
  { is: fc.constant("succeeded"), token: count, value: plainValue, ms: count, began: name },
  { requiredKeys: ["is", "token", "value", "ms"] },
);
const ends = fc.record({
  version: fc.constant(1),
  worker: name,
  host: name,
  answers: fc.array(success, { maxLength: 3 }),
});

/** What JSON can hold in place of what is meant. `Infinity` stands for what is written as 1e999. */
const oddities: readonly unknown[] = [
  ...[null, true, "", -1, 0, -0, 1.5, 2 ** 53, Number.POSITIVE_INFINITY, [], {}, [[]], [null], "a b", "a\n"],
  ...["x".repeat(501), "x".repeat(2001), "thread", "command", { j: 1, v: "" }, { v: "AAAA" }, { j: 1 }],
  { r: { kind: "orchestrator-data", sha256: "a".repeat(64), bytes: 1 } },
];
const keys = ["__proto__", "j", "v", "inbox", "usage", "began", "timeoutMs", "toString", "constructor"];
type Change = {
  readonly at: number;
  readonly to: "other" | "missing" | "beside";
  readonly key: string;
  value: unknown;
};
const changes = fc.array(
  fc.record({
    at: fc.nat(),
    to: fc.constantFrom("other", "missing", "beside"),
    key: fc.constantFrom(...keys),
    value: fc.oneof(fc.constantFrom(...oddities), fc.jsonValue()),
  }),
  { maxLength: 2 },
) as fc.Arbitrary<Change[]>;

/** The message with some of its fields, anywhere in it, replaced, left out or added, as text. */
function changed(message: unknown, list: readonly Change[]): string {
  const copy = structuredClone(message);
  for (const { at, to, key, value } of list) {
    const fields: [object, string][] = [];
    const collect = (each: unknown): void => {
      if (typeof each !== "object" || each === null) return;
      for (const field of Object.keys(each)) {
        fields.push([each, field]);
        collect((each as Record<string, unknown>)[field]);
      }
    };
    collect(copy);
    const [holder, field] = fields[at % fields.length]!;
    if (to === "missing" && !Array.isArray(holder)) Reflect.deleteProperty(holder, field);
    else {
      const where = to === "beside" && !Array.isArray(holder) ? key : field;
      Object.defineProperty(holder, where, {
        value: structuredClone(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return JSON.stringify(copy, (_, value) => (value === Number.POSITIVE_INFINITY ? "1e999" : value)).replaceAll(
    '"1e999"',
    "1e999",
  );
}

function agree(
  text: string,
  read: (text: string) => unknown,
  schema: typeof parcelMessage | typeof answersMessage,
): void {
  const { data, error } = schema.safeParse(JSON.parse(text));
  // Not `toStrictEqual`, which makes too much of a field that is called "constructor".
  if (error === undefined) expect(isDeepStrictEqual(read(text), data)).toBe(true);
  else expect(() => read(text)).toThrow();
}

describe("what is checked by hand", () => {
  it("is taken where it is common", () => {
    fc.assert(
      fc.property(parcel, (message) => {
        const read = JSON.parse(JSON.stringify(message));
        expect(isPlainParcel(read)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(ends, (message) => {
        const read = JSON.parse(JSON.stringify(message));
        expect(areEnds(read)).toBe(true);
      }),
    );
  });

  const parcelOf = (text: string) => agree(text, readParcel, parcelMessage);
  const endsOf = (text: string) => agree(text, readAnswers, answersMessage);

  it("is taken only where the schema takes it, as the same", () => {
    const options = { numRuns: 500 };
    fc.assert(
      fc.property(parcel, changes, (message, list) => parcelOf(changed(message, list))),
      options,
    );
    fc.assert(
      fc.property(ends, changes, (message, list) => endsOf(changed(message, list))),
      options,
    );
  });

  it("is what the schema takes, whichever one field is odd, missing or too much", () => {
    const work = { kind: "thread", module: "m", version: "1", exportName: "e" };
    const attempt = { token: 1, task: "t", name: "n", attempt: 1, work: 0, inputs: { a: { j: 1 } } };
    const sent = { version: 1, run: "r", inbox: "i", at: 1, works: [work], attempts: [attempt] };
    const end = { is: "succeeded", token: 1, value: { j: 1 }, ms: 1, began: "w" };
    const told = { version: 1, worker: "w", host: "h", answers: [end] };
    for (let at = 0; at < 30; at++) {
      const list: Change[] = [{ at, to: "missing", key: "", value: null }];
      for (const value of oddities) list.push({ at, to: "other", key: "", value });
      for (const key of keys) for (const value of [1, "x", { j: 1 }]) list.push({ at, to: "beside", key, value });
      for (const change of list) {
        parcelOf(changed(sent, [change]));
        endsOf(changed(told, [change]));
      }
    }
  });

  it.each([
    ["a worker of too long a name", { worker: "x".repeat(501) }],
    ["another version", { version: 2 }],
    ["a field that is not known", { extra: 1 }],
    ["no list", { answers: {} }],
  ])("refuses %s", (_, change) => {
    const message = { version: 1, worker: "w", host: "h", answers: [], ...change };
    expect(areEnds(message)).toBe(false);
    expect(() => readAnswers(JSON.stringify(message))).toThrow();
  });
});
