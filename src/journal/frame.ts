/**
 * How batches of records lie in a segment file.
 *
 *     segment:  "orchestrator-journal format=1 segment=000001\n"  frame*
 *     frame:    length u32 | sequence u32 | CRC-32 of the payload u32 | CRC-32 of the three before u32 | payload
 *
 * A frame is what one write carried: all its records count, or none. A process that dies while it writes leaves the beginning of
 * a frame at the end of the last file (a power failure also: blocks of zeros, or a last frame with a wrong sum). That
 * is a torn frame: nobody was told that it was written, so it is dropped. Anything else that is wrong was written whole
 * once, and is damage: it is reported by its place, and nothing after it is believed. The header has a sum of its own, so
 * that a damaged length is not taken for a torn end.
 */
import type { ByteWriter } from "./bytes.js";

/** Version of the format of everything in a journal. A reader takes this and every older one. */
export const formatVersion = 1;
export const frameHeaderBytes = 16;

/** `node:zlib` is loaded with the first frame: whoever imports this package and has no journal does without. */
const crc32 = (bytes: Uint8Array): number => process.getBuiltinModule("node:zlib").crc32(bytes);

export function segmentHeader(segment: number): Buffer {
  return Buffer.from(`orchestrator-journal format=${formatVersion} segment=${segmentName(segment)}\n`);
}

export function segmentName(segment: number): string {
  return String(segment).padStart(6, "0");
}

const headerForm = /^orchestrator-journal format=(\d+) segment=(\d+)\n/;
const longestHeader = 80;

/** Format version of a segment and where its frames begin; `undefined` where it has no such header. */
export function readSegmentHeader(
  buffer: Buffer,
): { readonly format: number; readonly segment: number; readonly end: number } | undefined {
  const match = headerForm.exec(buffer.toString("latin1", 0, longestHeader));
  return match === null ? undefined : { format: Number(match[1]), segment: Number(match[2]), end: match[0].length };
}

/** Begins a frame in an empty writer: its payload is written after this. */
export function beginFrame(writer: ByteWriter): void {
  writer.clear();
  for (let byte = 0; byte < frameHeaderBytes; byte++) writer.byte(0);
}

/** Fills in the header of the frame that the writer holds; gives its bytes, which the writer will use again. */
export function finishFrame(writer: ByteWriter, sequence: number): Buffer {
  const { buffer, length } = writer;
  buffer.writeUInt32LE(length - frameHeaderBytes, 0);
  buffer.writeUInt32LE(sequence, 4);
  buffer.writeUInt32LE(crc32(buffer.subarray(frameHeaderBytes, length)), 8);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 12)), 12);
  return buffer.subarray(0, length);
}

/** A frame, or why there is none at this place. */
export type FoundFrame =
  | { readonly kind: "frame"; readonly payload: Buffer; readonly end: number }
  | { readonly kind: "end" }
  | { readonly kind: "torn" }
  | { readonly kind: "damaged"; readonly detail: string };

/** What lies at `offset` of a segment. */
export function readFrame(buffer: Buffer, offset: number, sequence: number): FoundFrame {
  const left = buffer.length - offset;
  if (left === 0) return { kind: "end" };
  if (left < frameHeaderBytes) return { kind: "torn" };
  if (crc32(buffer.subarray(offset, offset + 12)) !== buffer.readUInt32LE(offset + 12))
    return isZeros(buffer, offset) ? { kind: "torn" } : damaged("the header of a frame does not match its sum");
  const found = buffer.readUInt32LE(offset + 4);
  if (found !== sequence) return damaged(`frame ${sequence} should be here, and frame ${found} is`);
  const start = offset + frameHeaderBytes;
  const end = start + buffer.readUInt32LE(offset);
  if (end > buffer.length) return { kind: "torn" };
  const payload = buffer.subarray(start, end);
  if (crc32(payload) === buffer.readUInt32LE(offset + 8)) return { kind: "frame", payload, end };
  return isZeros(buffer, end) ? { kind: "torn" } : damaged("the contents of a frame do not match their sum");
}

function damaged(detail: string): FoundFrame {
  return { kind: "damaged", detail };
}

/** Whether nothing but zeros follows. */
function isZeros(buffer: Buffer, from: number): boolean {
  for (let at = from; at < buffer.length; at++) if (buffer[at] !== 0) return false;
  return true;
}
