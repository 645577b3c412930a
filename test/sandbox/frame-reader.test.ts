import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBoundedJson } from "#src/sandbox/channel/bounded-json.js";
import { type FrameKind, FrameReader } from "#src/sandbox/channel/frame-reader.js";
import { makeToken } from "#src/sandbox/channel/job.js";

const limits = { valueBytes: 1000, otherBytes: 500 };

function frame(token: string, kind: string, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from(`${token} ${kind} ${bytes.length}\n`), bytes]);
}

function read(token: string, chunks: readonly Buffer[]): FrameReader {
  const reader = new FrameReader(token, limits);
  for (const chunk of chunks) reader.push(chunk);
  return reader;
}

/** Cuts a stream wherever the numbers say. */
function cut(stream: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((left, right) => left - right);
  return [0, ...sorted].map((start, index) => stream.subarray(start, [...sorted, stream.length][index]));
}

describe("frames", () => {
  test("are found in any garbage, however the stream is cut", () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(
        Buffer.from('{"exit":0,"forged":true}\n'),
        Buffer.from("value 2\n42"),
        Buffer.from("0123456789abcdef0123456789abcdef value 2\n42"),
      ),
    );
    const payload = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
    const piece = fc.record({ before: garbage, payload });
    const cuts = fc.array(fc.nat(5000), { maxLength: 30 });
    fc.assert(
      fc.property(piece, piece, garbage, cuts, (value, text, after, places) => {
        const token = makeToken();
        const stream = Buffer.concat([
          value.before,
          frame(token, "value", value.payload),
          text.before,
          frame(token, "text", text.payload),
          after,
        ]);
        const reader = read(token, cut(stream, places));
        expect(reader.frames.get("value")).toEqual(value.payload);
        expect(reader.frames.get("text")).toEqual(text.payload);
        expect(reader.overflowed).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test("without the token are nothing, whatever they look like", () => {
    const token = makeToken();
    const forged = ["value", "text", "error", "done"].map((kind) => frame(makeToken(), kind, "1"));
    expect(read(token, forged).frames.size).toBe(0);
  });

  test("with the token and without sense do not hide the next", () => {
    const token = makeToken();
    const nonsense = [`${token} value x\n`, `${token} value -1\n`, `${token}${token}`, `${token} `, `${token}\n`];
    for (const text of nonsense) {
      const reader = read(token, [Buffer.from(text), frame(token, "value", "7")]);
      expect(reader.text("value"), JSON.stringify(text)).toBe("7");
    }
  });

  test("count once: the first of a kind stays", () => {
    const token = makeToken();
    const reader = read(token, [frame(token, "value", "1"), frame(token, "value", "2"), frame(token, "unknown", "3")]);
    expect(reader.text("value")).toBe("1");
    expect([...reader.frames.keys()]).toEqual<FrameKind[]>(["value"]);
  });

  test("of more than their limit overflow, before they are kept", () => {
    const token = makeToken();
    expect(read(token, [Buffer.from(`${token} value 1001\n`)]).overflowed).toBe(true);
    expect(read(token, [Buffer.from(`${token} text 501\n`)]).overflowed).toBe(true);
    expect(read(token, [Buffer.from(`${token} value 999999999999\n`)]).overflowed).toBe(true);
  });

  test("drown in a flood, which is bounded", () => {
    const token = makeToken();
    const reader = read(
      token,
      Array.from({ length: 100 }, () => Buffer.alloc(10_000, "x")),
    );
    expect(reader.overflowed).toBe(true);
    reader.push(frame(token, "value", "1"));
    expect(reader.frames.size).toBe(0);
  });
});

describe("JSON from inside", () => {
  test("is parsed where it is sane", () => {
    expect(parseBoundedJson('{"a":[1,"[[[["]}')).toEqual({ value: { a: [1, "[[[["] } });
    expect(parseBoundedJson('"\\"[\\\\"')).toEqual({ value: '"[\\' });
  });

  test("is refused where it would hurt", () => {
    expect(parseBoundedJson("[".repeat(200_000))).toHaveProperty("problem");
    expect(parseBoundedJson(`${"[".repeat(201)}${"]".repeat(201)}`)).toHaveProperty("problem");
    expect(parseBoundedJson(`${"[".repeat(200)}${"]".repeat(200)}`)).toHaveProperty("value");
    expect(parseBoundedJson("{")).toEqual({ problem: "it is no valid JSON" });
  });

  test("agrees with the language's own parser on everything shallow", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(parseBoundedJson(JSON.stringify(value))).toEqual({ value: JSON.parse(JSON.stringify(value)) });
      }),
    );
  });
});
