/** What the fuzzing of stored files begins with, and how it changes them. */

/** Every kind of value that a journal keeps. */
export const values: readonly unknown[] = [
  { rows: [{ id: 1, price: 2.5, name: "a", at: new Date(5) }], none: undefined, no: null, yes: true },
  [new Map<unknown, unknown>([["k", new Set([1n, -7n, Number.NaN, -0])]]), Object.create(null), new Array(3)],
  [Buffer.from("bytes"), new Float64Array([1, 2]), new DataView(new ArrayBuffer(3)), new ArrayBuffer(2)],
  [/a(?<b>.)/giu, new URL("https://example.org/a?b"), "\ud800", "ä".repeat(50), -5, 2 ** 40],
  { text: "plain", list: [1, 2], nested: { a: null } },
  new Map([["k", new Set([1n, new Date(3)])]]),
  Object.assign(new RangeError("no", { cause: new AggregateError([new Error("inner")]) }), { code: "E", row: [1] }),
];

/** The bytes with changes: `edits` says where (2 bytes) and which bits (1 byte), again and again. */
export function edited(bytes: Buffer, edits: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; at + 3 <= edits.length; at += 3) copy[edits.readUInt16LE(at) % copy.length]! ^= edits[at + 2]!;
  return copy;
}
export const anyEdits = [Buffer.from([20, 0, 1]), Buffer.from([200, 0, 255, 0, 1, 128]), Buffer.from([255, 255, 64])];
