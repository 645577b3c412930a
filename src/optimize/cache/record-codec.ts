/**
 * Records as bytes, for tiers outside of this process:
 *
 *     version u8 | failure u8 | task length u16 | tags length u16 | startedAt f64 | freshUntil f64 | usableUntil f64 |
 *     task | tags as JSON | value
 *
 * Little-endian. Whoever keeps them adds a checksum.
 */
import type { CacheRecord } from "../../port/cache-store.js";
import { decodeValue } from "./codec.js";

/** The version that is written, and the only one that is read. */
export const recordVersion = 1;

const headLength = 30;
const noTags: readonly string[] = [];

export function encodeRecord(record: CacheRecord): Buffer {
  const task = Buffer.from(record.task.slice(0, 500));
  const tags = record.tags.length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(record.tags));
  const buffer = Buffer.allocUnsafe(headLength + task.length + tags.length + record.bytes.length);
  buffer[0] = recordVersion;
  buffer[1] = record.failure ? 1 : 0;
  buffer.writeUInt16LE(task.length, 2);
  buffer.writeUInt16LE(tags.length, 4);
  buffer.writeDoubleLE(record.startedAt, 6);
  buffer.writeDoubleLE(record.freshUntil, 14);
  buffer.writeDoubleLE(record.usableUntil, 22);
  task.copy(buffer, headLength);
  tags.copy(buffer, headLength + task.length);
  buffer.set(record.bytes, headLength + task.length + tags.length);
  return buffer;
}

/** When the execution began that gave a record; `undefined` for another version. */
export function startOfRecord(buffer: Buffer, offset: number, end: number): number | undefined {
  return buffer[offset] === recordVersion && end - offset >= headLength ? buffer.readDoubleLE(offset + 6) : undefined;
}

/**
 * A record in the bytes that it was read from. A view of its value is made only for who asks for the bytes, as one costs a
 * tenth of a hit. A copy by spreading has no bytes: they are given to it.
 */
export class StoredRecord implements CacheRecord {
  readonly startedAt: number;
  readonly freshUntil: number;
  readonly usableUntil: number;
  readonly task: string;
  readonly tags: readonly string[];
  readonly failure: boolean;
  readonly #buffer: Buffer;
  readonly #valueAt: number;
  readonly #end: number;

  constructor(buffer: Buffer, start: number, taskEnd: number, tagsEnd: number, end: number, tags: readonly string[]) {
    const head = start + headLength;
    this.startedAt = buffer.readDoubleLE(start + 6);
    this.freshUntil = buffer.readDoubleLE(start + 14);
    this.usableUntil = buffer.readDoubleLE(start + 22);
    this.task = taskEnd === head ? "" : buffer.toString("utf8", head, taskEnd);
    this.tags = tags;
    this.failure = buffer[start + 1] === 1;
    this.#buffer = buffer;
    this.#valueAt = tagsEnd;
    this.#end = end;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#valueAt, this.#end);
  }

  /** The value, made anew at each call. Throws as `decodeValue` does. */
  value(): unknown {
    return decodeValue(this.#buffer, this.#valueAt, this.#end);
  }
}

/** The record between two places of `buffer`; `undefined` for another version, and for what none has written. */
export function decodeRecord(buffer: Buffer, start = 0, end: number = buffer.length): StoredRecord | undefined {
  if (buffer[start] !== recordVersion || end - start < headLength) return undefined;
  const taskEnd = start + headLength + (buffer[start + 2]! | (buffer[start + 3]! << 8));
  const tagsEnd = taskEnd + (buffer[start + 4]! | (buffer[start + 5]! << 8));
  if (tagsEnd > end) return undefined;
  const tags = tagsEnd === taskEnd ? noTags : readTags(buffer.toString("utf8", taskEnd, tagsEnd));
  return tags && new StoredRecord(buffer, start, taskEnd, tagsEnd, end, tags);
}

function readTags(text: string): readonly string[] | undefined {
  try {
    const tags: unknown = JSON.parse(text);
    return Array.isArray(tags) && tags.every((tag) => typeof tag === "string") ? tags : undefined;
  } catch {
    return undefined;
  }
}
