/**
 * Records as bytes, for tiers outside of this process:
 *
 *     version u8 | failure u8 | task length u16 | tags length u16 | startedAt f64 | freshUntil f64 | usableUntil f64 |
 *     task | tags as JSON | value
 *
 * Little-endian. Whoever keeps them adds a checksum.
 */
import type { CacheRecord } from "../../port/cache-store.js";

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

/** The record between two places of `buffer`, whose value is a view of it; `undefined` for another version. */
export function decodeRecord(buffer: Buffer, start = 0, end: number = buffer.length): CacheRecord | undefined {
  if (buffer[start] !== recordVersion || end - start < headLength) return undefined;
  const head = start + headLength;
  const taskEnd = head + buffer.readUInt16LE(start + 2);
  const tagsEnd = taskEnd + buffer.readUInt16LE(start + 4);
  if (tagsEnd > end) return undefined;
  return {
    bytes: buffer.subarray(tagsEnd, end),
    startedAt: buffer.readDoubleLE(start + 6),
    freshUntil: buffer.readDoubleLE(start + 14),
    usableUntil: buffer.readDoubleLE(start + 22),
    task: taskEnd === head ? "" : buffer.toString("utf8", head, taskEnd),
    tags: tagsEnd === taskEnd ? noTags : (JSON.parse(buffer.toString("utf8", taskEnd, tagsEnd)) as string[]),
    failure: buffer[start + 1] === 1,
  };
}
