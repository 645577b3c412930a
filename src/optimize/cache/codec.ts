/**
 * Values as bytes, faithfully: what is read is what was written, or it is not written at all. The first byte is the form:
 *
 *     0 undefined   1 JSON text   2 the engine's own serialisation (structured clone)
 *
 * JSON is read faster, and is taken where it keeps the value as it is; otherwise the engine's serialisation, which keeps
 * maps, sets, dates, bigints, typed arrays, buffers, holes and cycles. Neither keeps classes, so their instances have no
 * form here, nor have functions and symbols.
 */
import { DefaultDeserializer, serialize } from "node:v8";
import { describeUnseen, objectKind } from "../../model/canonical.js";

/** Why a value is not kept. */
export class Unstorable {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

const form = { undefined: 0, json: 1, structured: 2 } as const;

/** The bytes of a value, or why it has none. */
export function encodeValue(value: unknown): Uint8Array | Unstorable {
  if (value === undefined) return Uint8Array.of(form.undefined);
  const inspector = new Inspector();
  const problem = inspector.inspect(value, 0);
  if (problem !== undefined) return new Unstorable(problem);
  try {
    const content = inspector.isJson ? Buffer.from(JSON.stringify(value)) : serialize(value);
    const bytes = new Uint8Array(content.length + 1);
    bytes[0] = inspector.isJson ? form.json : form.structured;
    bytes.set(content, 1);
    return bytes;
  } catch (thrown) {
    return new Unstorable(`a value that cannot be serialised: ${(thrown as Error).message}`);
  }
}

/** The value between two places of the bytes, made anew at each call. Throws for what `encodeValue` has not made. */
export function decodeValue(bytes: Uint8Array, start = 0, end: number = bytes.length): unknown {
  switch (start < end ? bytes[start] : undefined) {
    case form.undefined:
      return undefined;
    case form.json:
      return JSON.parse(asBuffer(bytes).toString("utf8", start + 1, end));
    case form.structured:
      return deserialize(asBuffer(bytes).subarray(start + 1, end));
    default:
      throw new RangeError(`a value of form ${bytes[start]}, which this version does not know`);
  }
}

/** Node gives typed arrays as views of the bytes that they were read from; these get memory of their own. */
class OwningDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const read = (DefaultDeserializer.prototype as unknown as { _readHostObject(): ArrayBufferView })._readHostObject;
    const view = read.call(this);
    if (!(view instanceof DataView)) return Uint8Array.prototype.slice.call(view);
    return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }
}

function deserialize(bytes: Buffer): unknown {
  const deserializer = new OwningDeserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const deepest = 1000;

/** Looks through a value for what cannot be kept, and for what JSON would change. */
class Inspector {
  isJson = true;
  readonly #seen = new Set<object>();

  inspect(value: unknown, depth: number): string | undefined {
    switch (typeof value) {
      case "string":
      case "boolean":
        return undefined;
      case "number":
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isJson = false;
        return undefined;
      case "undefined":
      case "bigint":
        this.isJson = false;
        return undefined;
      case "object":
        return value === null ? undefined : this.#object(value, depth);
      default:
        return describeUnseen(value);
    }
  }

  #object(value: object, depth: number): string | undefined {
    if (this.#seen.has(value)) {
      // JSON would make two of what is one.
      this.isJson = false;
      return undefined;
    }
    this.#seen.add(value);
    if (depth > deepest) return `a value nested deeper than ${deepest}`;
    const kind = objectKind(value);
    if (kind !== "array" && kind !== "object") this.isJson = false;
    switch (kind) {
      case "array":
        return this.#array(value as unknown[], depth);
      case "object":
        if ("toJSON" in value) this.isJson = false;
        return this.#properties(value, Object.keys(value), depth);
      case "map":
        for (const [key, held] of value as Map<unknown, unknown>) {
          const problem = this.inspect(key, depth + 1) ?? this.inspect(held, depth + 1);
          if (problem !== undefined) return problem;
        }
        return this.#nothingMore(value);
      case "set":
        for (const member of value as Set<unknown>) {
          const problem = this.inspect(member, depth + 1);
          if (problem !== undefined) return problem;
        }
        return this.#nothingMore(value);
      case "date":
      case "array-buffer":
        return this.#nothingMore(value);
      case "regexp":
        return (value as RegExp).lastIndex === 0 ? this.#nothingMore(value) : "a regular expression that is in use";
      case "view":
        return undefined;
      default:
        return kind === "null-object" ? "an object without a prototype" : describeUnseen(value);
    }
  }

  #array(value: unknown[], depth: number): string | undefined {
    const keys = Object.keys(value);
    if (keys.length !== value.length || (keys.length > 0 && keys.at(-1) !== String(value.length - 1)))
      this.isJson = false;
    return this.#properties(value, keys, depth);
  }

  #properties(value: object, keys: readonly string[], depth: number): string | undefined {
    for (const key of keys) {
      // JSON gives it back as a property, the engine's serialisation does not.
      if (key === "__proto__") return "an object with a property named __proto__";
      const problem = this.inspect((value as Record<string, unknown>)[key], depth + 1);
      if (problem !== undefined) return problem;
    }
    return Object.getOwnPropertySymbols(value).length > 0 ? "an object with a property named by a symbol" : undefined;
  }

  #nothingMore(value: object): string | undefined {
    return Object.keys(value).length > 0 || Object.getOwnPropertySymbols(value).length > 0
      ? "a built-in object with properties of its own"
      : undefined;
  }
}
