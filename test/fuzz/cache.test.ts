/** Readers of caches against files made to break them; see `each.ts`. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, expect } from "vitest";
import { CacheClock } from "#src/optimize/cache/cache-clock.js";
import { decodeValue, encodeValue } from "#src/optimize/cache/codec.js";
import { DiskStore } from "#src/optimize/cache/disk-store.js";
import { Invalidations } from "#src/optimize/cache/invalidations.js";
import { fuzzEach, refusesWith } from "./each.js";
import type { FuzzTarget } from "./fuzzer.js";
import { anyEdits, edited, values } from "./stored.js";

/** In memory where the system has a folder there: a million inputs would be written to a disk for hours. */
const memory = "/dev/shm";
const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "fuzz-cache-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Such as a cache keeps. */
const kept = values.flatMap((value) => {
  const bytes = encodeValue(value);
  return bytes instanceof Uint8Array ? [bytes] : [];
});

const keys = Array.from({ length: 12 }, (_, number) => `key ${number}`);
const now = Date.now();

function openStore(directory: string): DiskStore & { readonly invalidations: Invalidations } {
  const invalidations = new Invalidations();
  const trouble = { report: () => undefined };
  const store = new DiskStore({
    folder: directory,
    maximumBytes: 2 ** 30,
    invalidations,
    clock: new CacheClock(),
    trouble,
  });
  return Object.assign(store, { invalidations });
}

/** A folder in which every third key was declared invalid, in one way or another. */
function filledCache(): { readonly pack: Buffer; readonly marks: Buffer; readonly contents: Map<string, string> } {
  const directory = join(folder, "filled");
  const store = openStore(directory);
  const contents = new Map<string, string>();
  keys.forEach((key, number) => {
    const bytes = kept[number % kept.length]!;
    const record = { bytes, startedAt: now + number, freshUntil: Number.POSITIVE_INFINITY, task: `task ${number}` };
    store.set(key, { ...record, usableUntil: Number.POSITIVE_INFINITY, tags: [`tag ${number}`], failure: false });
    contents.set(key, Buffer.from(bytes).toString("latin1"));
  });
  store.invalidate({ scope: "key", name: keys[0]!, at: now + 100 });
  store.invalidate({ scope: "task", name: "task 3", at: now + 100 });
  store.invalidate({ scope: "tag", name: "tag 6", at: now + 100 });
  store.invalidate({ scope: "tag", name: "tag 9", at: now + 100 });
  store.close();
  const only = (part: string): Buffer => {
    const [name] = readdirSync(join(directory, part)) as [string];
    return readFileSync(join(directory, part, name));
  };
  return { pack: only("packs"), marks: only("marks"), contents };
}

const filled = filledCache();
const directory = join(folder, "cache");
// Nobody's, so that it is known to be complete.
const packFile = "m0-00000000.0.0-abcdef.pack";
for (const part of ["packs", "marks"]) mkdirSync(join(directory, part), { recursive: true });

function writeCache(pack: Buffer, marks: Buffer): void {
  for (const part of ["packs", "marks"])
    for (const name of readdirSync(join(directory, part))) rmSync(join(directory, part, name));
  writeFileSync(join(directory, "packs", packFile), pack);
  writeFileSync(join(directory, "marks", packFile), marks);
}

/** Checksums keep nearly every change from the readers behind them: puts them right, as far as there are frames. */
function packWithRightSums(pack: Buffer): Buffer {
  const bytes = Buffer.from(pack);
  if (bytes.length < 16) return bytes;
  const salt = bytes.readUInt32LE(12);
  for (let at = bytes.indexOf("OCF1"); at >= 0 && at + 12 <= bytes.length; at = bytes.indexOf("OCF1", at + 4)) {
    const end = Math.min(bytes.length, at + 12 + bytes.readUInt32LE(at + 8));
    bytes.writeUInt32LE(end - at - 12, at + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, end), salt), at + 4);
  }
  return bytes;
}

/** What a folder gives for a key, as `Tiers` would give it. */
function given(store: ReturnType<typeof openStore>, key: string): string | undefined {
  const record = store.get(key);
  if (record === undefined || store.blind || !store.invalidations.allows(key, record)) return undefined;
  return Buffer.from(record.bytes).toString("latin1");
}

const targets: readonly FuzzTarget[] = [
  {
    name: "value of a cache",
    seeds: kept,
    covers: "/dist/optimize/cache/",
    check: (input) => {
      let value: unknown;
      if (refusesWith([Error], () => (value = decodeValue(input))) !== undefined) return;
      // What comes of foreign bytes may be something that is not kept; what is kept comes back.
      const once = encodeValue(value);
      if (once instanceof Uint8Array) expect(encodeValue(decodeValue(once))).toBeInstanceOf(Uint8Array);
    },
  },
  {
    name: "pack of a cache",
    seeds: [filled.pack, filled.marks],
    covers: "/dist/optimize/cache/",
    check: (input) => {
      const bytes = packWithRightSums(input);
      writeCache(bytes, bytes);
      const store = openStore(directory);
      try {
        for (const key of keys) given(store, key);
        if (input.length % 8 === 0) store.compact();
        for (const key of keys) given(store, key);
      } finally {
        store.close();
      }
    },
  },
  {
    name: "cache with changed bytes",
    seeds: anyEdits,
    covers: "/dist/optimize/cache/",
    longest: 60,
    check: (input) => {
      const half = (input.length / 6) | 0;
      writeCache(edited(filled.pack, input.subarray(0, half * 3)), edited(filled.marks, input.subarray(half * 3)));
      const store = openStore(directory);
      try {
        for (let round = 0; round < 2; round++) {
          keys.forEach((key, number) => {
            const found = given(store, key);
            if (found === undefined) return;
            // Neither another value nor one that was declared invalid.
            if (number % 3 === 0 || found !== filled.contents.get(key)) throw new Error(`${key} gave a wrong value`);
          });
          if (input.length % 8 === 0) store.compact();
        }
      } finally {
        store.close();
      }
    },
  },
];

fuzzEach("readers of caches stand", targets);
