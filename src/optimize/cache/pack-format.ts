/**
 * The format of a pack, a file of records that only grows:
 *
 *     file    "ORCHPACK" | version u32 | salt u32 | frame*
 *     frame   "OCF1" | CRC-32, begun with the salt, of what follows u32 | length of body u32 | body
 *     body    type u8 | length of name u16 | name | content
 *
 * Little-endian. A frame is an entry (name: key, content: a record), an entry whose value is a file (content: SHA-256 of
 * that and a record without a value), or, in files that hold nothing else, an invalidation (name: scope and name, content: its time).
 *
 * A frame that is cut off at the end is one that is still being written, or that a crash or a full disk has cut off: it is
 * not there. One whose checksum is wrong is damage: the next frame is found by its first four bytes. The salt is random for
 * each pack, so that a value that holds the bytes of a frame is never taken for one.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

export const packVersion = 1;
export const packHeaderLength = 16;

const magic = Buffer.from("ORCHPACK");
const frameMark = Buffer.from("OCF1");
const frameMarkNumber = frameMark.readUInt32LE();
const frameHeadLength = 12;
const bodyHeadLength = 3;
/** Larger values have files of their own, so a longer frame is damage. */
const longestBody = 16 * 2 ** 20;

export const frameType = { entry: 1, fileEntry: 2, mark: 3 } as const;

/** A frame in the bytes that it was read from: views cost more than all else about reading one, so none is made before it is asked for. */
export interface Frame {
  readonly type: number;
  readonly name: string;
  readonly bytes: Buffer;
  /** Its content lies from `start` to `end` of the bytes. */
  readonly start: number;
  readonly end: number;
}

export function contentOf({ bytes, start, end }: Frame): Buffer {
  return bytes.subarray(start, end);
}

export function packHeader(): Buffer {
  const header = Buffer.alloc(packHeaderLength);
  magic.copy(header);
  header.writeUInt32LE(packVersion, 8);
  randomBytes(4).copy(header, 12);
  return header;
}

/** The version of a pack by its first bytes; `undefined` where it is none. */
export function versionOfPack(header: Buffer): number | undefined {
  if (header.length < packHeaderLength || !header.subarray(0, 8).equals(magic)) return undefined;
  return header.readUInt32LE(8);
}

export function saltOfPack(header: Buffer): number {
  return header.readUInt32LE(12);
}

export function encodeFrame(salt: number, type: number, name: string, content: Uint8Array): Buffer {
  const nameLength = Buffer.byteLength(name);
  const bodyLength = bodyHeadLength + nameLength + content.length;
  const frame = Buffer.allocUnsafe(frameHeadLength + bodyLength);
  frameMark.copy(frame);
  frame.writeUInt32LE(bodyLength, 8);
  frame[12] = type;
  frame.writeUInt16LE(nameLength, 13);
  frame.write(name, 15, "utf8");
  frame.set(content, 15 + nameLength);
  frame.writeUInt32LE(crc32(frame.subarray(8), salt), 4);
  return frame;
}

/**
 * The frame that fills `length` bytes from `at` on; `undefined` where they are damaged or not all there.
 * @param expected the only name that it may have: spares making one
 */
export function decodeFrame(
  bytes: Buffer,
  at: number,
  length: number,
  salt: number,
  expected?: string,
): Frame | undefined {
  const end = at + length;
  if (length < frameHeadLength + bodyHeadLength || end > bytes.length) return undefined;
  if (numberAt(bytes, at + 8) !== length - frameHeadLength) return undefined;
  if (numberAt(bytes, at + 4) !== crc32(bytes.subarray(at + 8, end), salt)) return undefined;
  const nameStart = at + 15;
  const nameEnd = nameStart + (bytes[at + 13]! | (bytes[at + 14]! << 8));
  if (nameEnd > end) return undefined;
  if (expected !== undefined && !isText(bytes, nameStart, nameEnd, expected)) return undefined;
  const name = expected ?? bytes.toString("utf8", nameStart, nameEnd);
  return { type: bytes[at + 12]!, name, bytes, start: nameEnd, end };
}

/** As `readUInt32LE`, without its checks: these are half of what it costs, and the place is known to be there. */
function numberAt(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Whether the bytes are a text in UTF-8. Most are ASCII, and are compared where they lie. */
function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start === text.length) {
    let at = 0;
    while (at < text.length && text.charCodeAt(at) === bytes[start + at] && bytes[start + at]! < 0x80) at++;
    if (at === text.length) return true;
  }
  return bytes.toString("utf8", start, end) === text;
}

export interface Scanned {
  /** Where the next scan begins. */
  readonly end: number;
  /** How many bytes were skipped as damage. */
  readonly damaged: number;
}

/**
 * Finds the frames in `bytes`, which begin at `offset` of their file.
 * @param found told of each, with its place in the file
 */
export function scanFrames(
  bytes: Buffer,
  offset: number,
  salt: number,
  found: (frame: Frame, offset: number, length: number) => void,
): Scanned {
  let at = 0;
  let damaged = 0;
  while (at + frameHeadLength <= bytes.length) {
    const length = frameLengthAt(bytes, at);
    if (length !== undefined && at + length > bytes.length && !hasFrameAfter(bytes, at, salt)) break;
    const frame = length === undefined ? undefined : decodeFrame(bytes, at, length, salt);
    if (frame !== undefined) {
      found(frame, offset + at, length!);
      at += length!;
      continue;
    }
    const next = bytes.indexOf(frameMark, at + 1);
    const skipTo = next < 0 ? bytes.length : next;
    damaged += skipTo - at;
    at = skipTo;
  }
  return { end: offset + at, damaged };
}

function frameLengthAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.readUInt32LE(at) !== frameMarkNumber) return undefined;
  const bodyLength = bytes.readUInt32LE(at + 8);
  return bodyLength < bodyHeadLength || bodyLength > longestBody ? undefined : frameHeadLength + bodyLength;
}

/** Whether a frame that seems to be cut off is followed by a whole one, so that its length is what is wrong. */
function hasFrameAfter(bytes: Buffer, at: number, salt: number): boolean {
  for (let next = bytes.indexOf(frameMark, at + 4); next >= 0; next = bytes.indexOf(frameMark, next + 4)) {
    const length = next + frameHeadLength <= bytes.length ? frameLengthAt(bytes, next) : undefined;
    if (length !== undefined && decodeFrame(bytes, next, length, salt) !== undefined) return true;
  }
  return false;
}
