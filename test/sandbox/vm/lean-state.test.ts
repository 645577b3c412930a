/** Saved machines without their empty pages, however the stream is cut, and whatever it holds. */
import { once } from "node:events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeanState } from "#src/sandbox/backend/vm/snapshot/lean-state.js";

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
const name = (text: string) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
const footer = Buffer.concat([Buffer.of(0x7e), u32(2)]);

interface Page {
  readonly number: number;
  /** Named where the record says its block, which the first of each block does. */
  readonly block?: string;
  /** Byte of a page that is full of it, written as one byte. */
  readonly filledWith?: number;
}

const record = ({ number, block, filledWith }: Page) =>
  Buffer.concat([
    u64(number * 4096 + (filledWith === undefined ? 0x08 : 0x02) + (block === undefined ? 0x20 : 0)),
    block === undefined ? Buffer.of() : name(block),
    filledWith === undefined ? Buffer.alloc(4096, 0x20 + (number % 7)) : Buffer.of(filledWith),
  ]);

/** As QEMU writes it: configuration, the list of blocks, records in two parts, and devices behind them. */
function saved(first: readonly Page[], second: readonly Page[], devices: Buffer): Buffer {
  return Buffer.concat([
    ...[Buffer.from("QEVM"), u32(3), Buffer.of(0x07), u32(10), Buffer.from("pc-q35-7.2")],
    ...[Buffer.of(0x01), u32(2), name("ram"), u32(0), u32(4), u64(3 * 4096 + 0x04)],
    ...[name("pc.ram"), u64(2 * 4096), name("pc.bios"), u64(4096), u64(0x10), footer],
    ...[Buffer.of(0x02), u32(2), ...first.map(record), u64(0x10), footer],
    ...[Buffer.of(0x03), u32(2), ...second.map(record), u64(0x10), footer],
    devices,
  ]);
}

async function lean(bytes: Buffer, sizes: Iterable<number> = [bytes.length]) {
  const state = new LeanState();
  const chunks: Buffer[] = [];
  state.on("data", (chunk) => chunks.push(chunk));
  const ended = once(state, "end");
  let rest = bytes;
  for (const size of sizes) {
    if (rest.length === 0) break;
    if (!state.write(rest.subarray(0, size))) await once(state, "drain");
    rest = rest.subarray(size);
  }
  state.end(rest);
  await ended;
  return { kept: Buffer.concat(chunks), isLean: state.isLean, dropped: state.dropped };
}

const firstOf = (block: string): Page => ({ number: 0, block, filledWith: 0 });
const empty = (number: number): Page => ({ number, filledWith: 0 });
const full = (number: number): Page => ({ number });
const devices = Buffer.concat([Buffer.of(0x04), u32(3), name("cpu"), Buffer.alloc(300, 0x22)]);

describe("a saved machine", () => {
  test("loses the empty pages of its memory, and nothing else", async () => {
    const firmware = [firstOf("pc.bios"), empty(1), full(2)];
    const given = saved(
      [firstOf("pc.ram"), empty(1), full(2), empty(3)],
      [...firmware, firstOf("pc.ram"), empty(4)],
      devices,
    );
    const { kept, isLean, dropped } = await lean(given);
    expect(kept.equals(saved([firstOf("pc.ram"), full(2)], [...firmware, firstOf("pc.ram")], devices))).toBe(true);
    expect({ isLean, dropped }).toEqual({ isLean: true, dropped: 3 });
  });

  test("keeps pages that are full of one byte", async () => {
    const given = saved([firstOf("pc.ram"), { number: 1, filledWith: 1 }], [], devices);
    expect((await lean(given)).kept.equals(given)).toBe(true);
  });

  test.each([
    ["of another version", (bytes: Buffer) => bytes.fill(9, 4, 8)],
    ["that is no saved machine", (bytes: Buffer) => bytes.fill(0)],
    ["of other records", (bytes: Buffer) => bytes.fill(0x41, bytes.indexOf("pc.ram", 100) - 9, bytes.length)],
  ])("%s passes as it is", async (_, change) => {
    const given = saved([firstOf("pc.ram"), empty(1), full(2)], [], devices);
    change(given);
    const { kept, isLean } = await lean(Buffer.from(given));
    expect(kept.equals(given)).toBe(true);
    expect(isLean).toBe(false);
  });

  test("comes out the same wherever the stream is cut, and whatever is in it", async () => {
    const page = fc.record({ number: fc.nat(500), filledWith: fc.constantFrom(0, 0, 0, 5) });
    const pages = fc.array(fc.oneof(page, fc.nat(500).map(full)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        pages,
        pages,
        fc.infiniteStream(fc.integer({ min: 1, max: 9000 })),
        fc.option(fc.tuple(fc.nat(5000), fc.nat(255))),
        async (first, second, sizes, damage) => {
          const given = saved([firstOf("pc.ram"), ...first], second, devices);
          if (damage !== null && damage[0] < given.length) given[damage[0]] = damage[1];
          const whole = await lean(given);
          const cut = await lean(given, sizes);
          expect(cut.kept.equals(whole.kept)).toBe(true);
          expect(whole.kept.length).toBe(given.length - whole.dropped * 9);
        },
      ),
      { numRuns: 60 },
    );
  });
});
