/** The parts of a cluster that need none: values as text, seals, sizes of parcels, what a worker may hold. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distributed, startWorker } from "#src/distributed.js";
import { ParcelSizes } from "#src/runner/remote/coordinator/parcel-size.js";
import { Envelope } from "#src/runner/remote/envelope.js";
import { decodeValue, encodeValue, fromBytes } from "#src/runner/remote/value-codec.js";
import { WorkerAdmission } from "#src/runner/remote/worker/admission.js";

describe("values", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withObjectString: false,
  });

  it("arrive as what they were, as text and as bytes", () => {
    fc.assert(
      fc.property(anything, (value) => {
        // What structured cloning keeps is what a thread on the same machine would be given.
        const cloned = structuredClone(value);
        const encoded = encodeValue(value, Number.POSITIVE_INFINITY);
        if (Buffer.isBuffer(encoded) || "r" in encoded) throw new Error("not meant to be stored");
        expect(decodeValue(JSON.parse(JSON.stringify(encoded)))).toStrictEqual(cloned);
        const bytes = encodeValue(value, -1);
        if (Buffer.isBuffer(bytes)) expect(fromBytes(bytes)).toStrictEqual(cloned);
      }),
    );
  });
});

describe("an envelope", () => {
  it("opens for the purpose that it was sealed for, with the same key, unchanged, and never else", () => {
    const key = fc.string({ minLength: 16 });
    fc.assert(
      fc.property(key, key, fc.string(), fc.string(), fc.string(), (ours, theirs, purpose, other, text) => {
        const sealed = new Envelope(ours, 1e6).seal(purpose, text);
        const open = (with_: string, for_: string, what: string) => new Envelope(with_, 1e6).open(for_, what);
        expect(open(ours, purpose, sealed)).toBe(text);
        if (theirs !== ours) expect(() => open(theirs, purpose, sealed)).toThrow(/not signed/);
        if (other !== purpose) expect(() => open(ours, other, sealed)).toThrow(/not signed/);
        expect(() => open(ours, purpose, `${sealed}x`)).toThrow(/not signed/);
        expect(() => open(ours, purpose, `.${text}`)).toThrow(/not signed/);
      }),
    );
  });

  it("takes no message over its size", () => {
    expect(() => new Envelope(undefined, 100).open("a purpose", `.${"x".repeat(1000)}`)).toThrow(/more than the 100/);
  });
});

describe("sizes of parcels", () => {
  const attempts = (name: string, count: number) => Array.from({ length: count }, () => ({ name, size: 300 }));

  it("keep every attempt, in order", () => {
    const sizes = fc.array(fc.record({ name: fc.constantFrom("a", "b"), size: fc.nat(2_000_000) }));
    fc.assert(
      fc.property(sizes, fc.nat(50), fc.double({ min: 0, max: 1e4, noNaN: true }), (list, slots, ms) => {
        const parcels = new ParcelSizes();
        parcels.learn("a", ms);
        expect(parcels.split(list, slots, 2000).flat()).toEqual(list);
      }),
    );
  });

  it("are many for short attempts and one for long ones, once that is known", () => {
    const sizes = new ParcelSizes();
    expect(sizes.split(attempts("short", 400), 4, 2000).length).toBeGreaterThan(50);
    for (let count = 0; count < 50; count++) sizes.learn("short", 0.1);
    expect(sizes.split(attempts("short", 400), 4, 2000).length).toBeLessThan(10);
    sizes.learn("long", 1000);
    expect(sizes.split(attempts("long", 400), 4, 2000)).toHaveLength(400);
  });
});

describe("what a worker holds", () => {
  it("never goes beyond its capacity, and everything that fits begins in the end", () => {
    const demand = fc.record({
      cpuCores: fc.integer({ min: 0, max: 4 }),
      memoryBytes: fc.integer({ min: 0, max: 100 }),
      resources: fc.record({ gpu: fc.integer({ min: 0, max: 2 }) }),
    });
    fc.assert(
      fc.property(fc.array(demand, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (demands, picks) => {
        const admission = new WorkerAdmission({ slots: 3, cpuCores: 4, memoryBytes: 100, resources: { gpu: 2 } });
        const held: (typeof demands)[number][] = [];
        const begun: number[] = [];
        demands.forEach((wanted, index) => {
          admission.request(wanted, () => {
            held.push(wanted);
            begun.push(index);
          });
        });
        const sum = (of: (one: (typeof demands)[number]) => number) => held.reduce((total, one) => total + of(one), 0);
        while (held.length > 0) {
          expect(held.length).toBeLessThanOrEqual(3);
          expect(sum(({ cpuCores }) => cpuCores)).toBeLessThanOrEqual(4);
          expect(sum(({ memoryBytes }) => memoryBytes)).toBeLessThanOrEqual(100);
          expect(sum(({ resources }) => resources.gpu)).toBeLessThanOrEqual(2);
          const [ended] = held.splice(picks.next().value % held.length, 1);
          admission.release(ended!);
        }
        expect(begun).toEqual(demands.map((_, index) => index));
      }),
    );
  });
});

describe("options", () => {
  it("are all told that are wrong, with what they take", async () => {
    const wrong = { connection: "http://x", queue: "a b", key: "short", window: 0, leese: 1 } as object;
    expect(() => distributed(wrong)).toThrow(
      /connection.*redis:[\s\S]*queue.*letters[\s\S]*key.*16[\s\S]*window.*from 1/,
    );
    expect(() => distributed({ leese: 1 } as object)).toThrow(/leese.*did you mean "lease"/);
    expect(() => distributed({ data: { kind: "s3" } as never })).toThrow(/data.endpoint/);
    await expect(startWorker({ concurrency: 0, resources: { "a:b": 1 } })).rejects.toThrow(
      /resources[\s\S]*concurrency/,
    );
    await expect(startWorker({ tasks: ["/nowhere.js"] })).rejects.toMatchObject({ code: "MODULE_NOT_LOADED" });
  });
});
