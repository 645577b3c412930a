/** The pure pieces of the runners, against naive models and over many inputs. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "#src/runner/command/line-splitter.js";
import { encodeFrame, FrameReader } from "#src/runner/process/frames.js";
import { Deque } from "#src/runner/worker/deque.js";

/** Cuts bytes at any places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index]!, end));
}

describe("LineSplitter", () => {
  it("gives the same lines wherever the bytes are cut", () => {
    const text = fc.array(fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("\n", "\r\n", "😀", "é")));
    fc.assert(
      fc.property(text, fc.array(fc.nat()), (parts, places) => {
        const whole = parts.join("");
        const lines: string[] = [];
        const splitter = new LineSplitter((line) => lines.push(line));
        for (const piece of cut(new TextEncoder().encode(whole), places)) splitter.push(piece);
        splitter.end();
        const expected = whole
          .split("\n")
          .map((line, index, all) => (index < all.length - 1 ? line.replace(/\r$/, "") : line));
        if (expected.at(-1) === "") expected.pop();
        expect(lines).toEqual(expected);
      }),
    );
  });

  it("never splits a character where it splits a long line", () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    splitter.push(new TextEncoder().encode(`x${"😀".repeat(100_000)}\n`));
    splitter.end();
    expect(lines.join("")).toBe(`x${"😀".repeat(100_000)}`);
    for (const line of lines) expect(line.isWellFormed()).toBe(true);
  });
});

describe("frames", () => {
  it("come out as they went in, wherever the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })),
        fc.array(fc.nat()),
        (values, places) => {
          const out: unknown[] = [];
          const reader = new FrameReader((value) => out.push(value));
          for (const piece of cut(Buffer.concat(values.map(encodeFrame)), places)) reader.push(piece);
          expect(out).toEqual(values);
        },
      ),
    );
  });
});

describe("Deque", () => {
  it("behaves as an array does", () => {
    const action = fc.oneof(
      fc.record({ push: fc.nat(20) }),
      fc.constant({ shift: true as const }),
      fc.record({ remove: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 5000, size: "max" }), (actions) => {
        const deque = new Deque<number>();
        const model: number[] = [];
        for (const step of actions) {
          if ("push" in step) {
            deque.push(step.push);
            model.push(step.push);
          } else if ("shift" in step) {
            expect(deque.shift()).toBe(model.shift());
          } else {
            const index = model.indexOf(step.remove);
            if (index >= 0) model.splice(index, 1);
            expect(deque.remove(step.remove)).toBe(index >= 0);
          }
          expect(deque.length).toBe(model.length);
        }
      }),
      { numRuns: 30 },
    );
  });
});
