/**
 * Values as text or bytes. Most are plain JSON and stay readable; the rest (Map, Date, bytes, BigInt, `undefined`) go
 * through Node's own serialisation, which makes data of the language's own types and nothing else.
 */
import { deserialize, serialize } from "node:v8";
import { type DataReference, isDataReference } from "./data/reference.js";

/** `j`: as JSON; `v`: serialised, in base64; `r`: in the store. */
export type EncodedValue = { readonly j: unknown } | { readonly v: string } | { readonly r: DataReference };

const deepest = 100;

/** The value for a message, or its bytes where it is larger than `limitBytes`. Throws where it cannot be serialised. */
export function encodeValue(value: unknown, limitBytes: number): EncodedValue | Buffer {
  if (isDataReference(value)) return { r: value };
  const size = jsonSize(value, 0);
  if (size !== undefined) return size <= limitBytes ? { j: value } : toBytes(value);
  const bytes = serialize(value);
  return bytes.length <= limitBytes ? { v: bytes.toString("base64") } : Buffer.concat([serialised, bytes]);
}

export function decodeValue(encoded: Exclude<EncodedValue, { r: DataReference }>): unknown {
  return "j" in encoded ? encoded.j : deserialize(Buffer.from(encoded.v, "base64"));
}

const json = Buffer.from("j");
const serialised = Buffer.from("v");

function toBytes(value: unknown): Buffer {
  return Buffer.concat([json, Buffer.from(JSON.stringify(value))]);
}

export function fromBytes(bytes: Buffer): unknown {
  const rest = bytes.subarray(1);
  return bytes[0] === json[0] ? JSON.parse(rest.toString()) : deserialize(rest);
}

/** About the bytes of the value as JSON; `undefined` where JSON would not give back what it was given. */
function jsonSize(value: unknown, depth: number): number | undefined {
  switch (typeof value) {
    case "string":
      return value.length + 2;
    case "boolean":
      return 5;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? 8 : undefined;
    case "object":
      if (value === null) return 4;
      if (depth > deepest) return undefined;
      return Array.isArray(value) ? arraySize(value, depth) : objectSize(value, depth);
    default:
      return undefined;
  }
}

function arraySize(array: readonly unknown[], depth: number): number | undefined {
  let sum = 2;
  for (let index = 0; index < array.length; index++) {
    const size = jsonSize(array[index], depth + 1);
    if (size === undefined) return undefined;
    sum += size + 1;
  }
  return sum;
}

function objectSize(object: object, depth: number): number | undefined {
  const prototype = Object.getPrototypeOf(object);
  if ((prototype !== Object.prototype && prototype !== null) || "toJSON" in object) return undefined;
  let sum = 2;
  for (const key of Object.keys(object)) {
    if (key === "__proto__") return undefined;
    const size = jsonSize((object as Record<string, unknown>)[key], depth + 1);
    if (size === undefined) return undefined;
    sum += key.length + 4 + size;
  }
  return sum;
}
