/** Reads what `encode-value.ts` wrote. */
import { type ErrorData, fromErrorData } from "../model/error.js";
import { type ByteReader, MalformedBytes } from "./bytes.js";
import { deepestValue, tag, type ViewKind, viewKinds } from "./value-tags.js";

/** @throws MalformedBytes */
export function decodeValue(reader: ByteReader): unknown {
  try {
    return decodeAny(reader, [], 0);
  } catch (error) {
    if (error instanceof MalformedBytes) throw error;
    // What the language makes of a value that cannot be: no pattern, no number, no URL.
    throw new MalformedBytes(`has a value that cannot be: ${(error as Error).message}`);
  }
}

/** Objects that were read, in the order in which they began. */
type Seen = unknown[];

function decodeAny(reader: ByteReader, seen: Seen, depth: number): unknown {
  const kind = reader.byte();
  switch (kind) {
    case tag.undefined:
      return undefined;
    case tag.null:
      return null;
    case tag.false:
      return false;
    case tag.true:
      return true;
    case tag.natural:
      return reader.varint();
    case tag.negative:
      return -1 - reader.varint();
    case tag.double:
      return reader.double();
    case tag.bigint:
      return decodeBigint(reader.text());
    case tag.text:
      return reader.text();
    case tag.text16:
      return reader.text16();
    case tag.reference:
      return decodeReference(reader, seen);
    default:
      return decodeObject(kind, reader, seen, depth);
  }
}

function decodeObject(kind: number, reader: ByteReader, seen: Seen, depth: number): unknown {
  if (depth >= deepestValue) throw new MalformedBytes(`has a value nested deeper than ${deepestValue} levels`);
  const inner = depth + 1;
  switch (kind) {
    case tag.array:
      return decodeArray(reader, seen, inner);
    case tag.object:
      return decodeFields(reader, {}, seen, inner);
    case tag.bareObject:
      return decodeFields(reader, Object.create(null) as Record<string, unknown>, seen, inner);
    case tag.map:
      return decodeMap(reader, seen, inner);
    case tag.set:
      return decodeSet(reader, seen, inner);
    case tag.error:
      return decodeError(reader, seen, inner);
    default: {
      const value = decodeLeaf(kind, reader);
      seen.push(value);
      return value;
    }
  }
}

/** Objects that hold no others. */
function decodeLeaf(kind: number, reader: ByteReader): object {
  switch (kind) {
    case tag.date:
      return new Date(reader.double());
    case tag.regExp: {
      const value = new RegExp(decodeText(reader), reader.text());
      value.lastIndex = reader.varint();
      return value;
    }
    case tag.arrayBuffer:
      return copyOf(reader);
    case tag.view:
      return decodeView(reader);
    case tag.buffer:
      return Buffer.from(copyOf(reader));
    case tag.url:
      return new URL(decodeText(reader));
    default:
      throw new MalformedBytes(`has a value of an unknown kind, ${kind}`);
  }
}

function decodeBigint(text: string): bigint {
  return text.startsWith("-") ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}

function decodeText(reader: ByteReader): string {
  const kind = reader.byte();
  if (kind === tag.text) return reader.text();
  if (kind === tag.text16) return reader.text16();
  throw new MalformedBytes("has something else where text should be");
}

function decodeReference(reader: ByteReader, seen: Seen): unknown {
  const place = reader.varint();
  if (place >= seen.length) throw new MalformedBytes("refers to an object that is not there");
  return seen[place];
}

function decodeArray(reader: ByteReader, seen: Seen, depth: number): unknown[] {
  const length = countOf(reader);
  const array: unknown[] = [];
  seen.push(array);
  for (let index = 0; index < length; index++) {
    if (reader.buffer[reader.at] === tag.hole && reader.at < reader.end) reader.at++;
    else array[index] = decodeAny(reader, seen, depth);
  }
  array.length = length;
  return array;
}

function decodeFields(reader: ByteReader, object: Record<string, unknown>, seen: Seen, depth: number): object {
  seen.push(object);
  for (let left = countOf(reader); left > 0; left--) {
    const key = decodeText(reader);
    const value = decodeAny(reader, seen, depth);
    // A field of that name is data like any other; assigning it would set the prototype.
    if (key === "__proto__")
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    else object[key] = value;
  }
  return object;
}

function decodeMap(reader: ByteReader, seen: Seen, depth: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  seen.push(map);
  for (let left = countOf(reader); left > 0; left--) {
    const key = decodeAny(reader, seen, depth);
    map.set(key, decodeAny(reader, seen, depth));
  }
  return map;
}

function decodeSet(reader: ByteReader, seen: Seen, depth: number): Set<unknown> {
  const set = new Set<unknown>();
  seen.push(set);
  for (let left = countOf(reader); left > 0; left--) set.add(decodeAny(reader, seen, depth));
  return set;
}

function decodeError(reader: ByteReader, seen: Seen, depth: number): Error {
  const place = seen.push(undefined) - 1;
  const error = fromErrorData(decodeAny(reader, seen, depth) as ErrorData);
  seen[place] = error;
  return error;
}

/** A number of things to come, each of at least a byte: more than there are bytes is nonsense, and not allocated for. */
function countOf(reader: ByteReader): number {
  const count = reader.varint();
  if (count > reader.end - reader.at) throw new MalformedBytes("ends too early");
  return count;
}

function copyOf(reader: ByteReader): ArrayBuffer {
  const bytes = reader.bytes(reader.varint());
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}

type ViewMaker = new (buffer: ArrayBuffer) => object;
const viewMakers: Readonly<Record<ViewKind, ViewMaker>> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

function decodeView(reader: ByteReader): object {
  const name = viewKinds[reader.byte()];
  if (name === undefined) throw new MalformedBytes("has a typed array of an unknown kind");
  const buffer = copyOf(reader);
  try {
    return new viewMakers[name](buffer);
  } catch {
    throw new MalformedBytes(`has a ${name} whose bytes are no whole number of elements`);
  }
}
