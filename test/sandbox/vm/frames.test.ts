/** Messages of a guest, however they are cut and whatever they claim. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameDecoder, longestFrame } from "#src/sandbox/line/frames.js";

const frame = fc.record({
  kind: fc.constantFrom("1", "2", "C", "E", "N"),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe("frames", () => {
  test("come out as they went in, wherever the line cuts them", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (frames, sizes) => {
          let rest = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
          const decoder = new FrameDecoder();
          const got: { kind: string; payload: number[] }[] = [];
          while (rest.length > 0) {
            const size = sizes.next().value;
            for (const { kind, payload } of decoder.push(rest.subarray(0, size)))
              got.push({ kind, payload: [...payload] });
            rest = rest.subarray(size);
          }
          expect(got).toEqual(frames.map(({ kind, payload }) => ({ kind, payload: [...payload] })));
        },
      ),
    );
  });

  test.each([longestFrame + 1, 2 ** 31, 2 ** 32 - 1])("that claim %d bytes are refused at their header", (claimed) => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(claimed);
    expect(() => new FrameDecoder().push(header)).toThrow(RangeError);
  });
});
