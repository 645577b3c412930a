/**
 * Values as bytes, such that the same value comes back: `undefined`, NaN and -0, holes, big integers, dates, maps, sets,
 * buffers and typed arrays, errors, URLs, shared and circular references. What would come back as something else (a
 * function, a socket, an instance of a class) is refused, with the path to it: a run that is resumed must not find
 * another value than the one that was there.
 *
 * Not `v8.serialize`: it drops the prototype of an object and the code of an error in silence, and a newer Node may write what an
 * older one cannot read. This form is the journal's own, and its version is the journal's.
 */

import { describeUnseen, objectKind } from "../model/canonical.js";
import { assertNever, toErrorData } from "../model/error.js";
import type { ByteWriter } from "./bytes.js";
import { deepestValue, tag, type ViewKind, viewKinds } from "./value-tags.js";

/** A value that the journal could not give back as it is. */
export class UnfaithfulValue extends Error {
  /** The steps to it, from the outside. */
  readonly path: (string | number)[] = [];
  readonly what: string;
  /** Whether it is one place of the value that is wrong, and not the whole. */
  readonly placed: boolean;

  constructor(what: string, placed = true) {
    super(what);
    this.what = what;
    this.placed = placed;
  }

  /** The path in the form of code, without the middle of a long one: `output.rows[3].socket`. */
  pathFrom(root: string): string {
    const steps = this.path.map((step) =>
      typeof step === "number" ? `[${step}]` : isName(step) ? `.${step}` : `[${step}]`,
    );
    if (steps.length > mostSteps) steps.splice(mostSteps / 2, steps.length - mostSteps, " ... ");
    return root + steps.join("");
  }
}

const mostSteps = 16;

function isName(step: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(step);
}

/** Appends a value. @throws UnfaithfulValue, with part of the value written: the caller truncates. */
export function encodeValue(writer: ByteWriter, value: unknown): void {
  switch (typeof value) {
    case "undefined":
      writer.byte(tag.undefined);
      return;
    case "boolean":
      writer.byte(value ? tag.true : tag.false);
      return;
    case "number":
      encodeNumber(writer, value);
      return;
    case "string":
      encodeText(writer, value);
      return;
    default:
      if (value === null) writer.byte(tag.null);
      else encodeAny(writer, value, new Map(), 0);
  }
}

function encodeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writer.byte(value >= 0 ? tag.natural : tag.negative);
    writer.varint(value >= 0 ? value : -1 - value);
  } else {
    writer.byte(tag.double);
    writer.double(value);
  }
}

function encodeText(writer: ByteWriter, value: string): void {
  if (value.isWellFormed()) {
    writer.byte(tag.text);
    writer.text(value);
  } else {
    writer.byte(tag.text16);
    writer.text16(value);
  }
}

/** Objects that were written, by the order in which they began. */
type Seen = Map<object, number>;

function encodeAny(writer: ByteWriter, value: unknown, seen: Seen, depth: number): void {
  switch (typeof value) {
    case "object":
      if (value === null) writer.byte(tag.null);
      else encodeObject(writer, value, seen, depth);
      return;
    case "bigint":
      writer.byte(tag.bigint);
      writer.text(value.toString(16));
      return;
    case "function":
    case "symbol":
      throw new UnfaithfulValue(describeUnseen(value));
    default:
      encodeValue(writer, value);
  }
}

function encodeObject(writer: ByteWriter, value: object, seen: Seen, depth: number): void {
  const known = seen.get(value);
  if (known !== undefined) {
    writer.byte(tag.reference);
    writer.varint(known);
    return;
  }
  if (depth >= deepestValue) throw new UnfaithfulValue(`nested deeper than ${deepestValue} levels`, false);
  seen.set(value, seen.size);
  if (value instanceof Error) {
    writer.byte(tag.error);
    encodeAny(writer, toErrorData(value), seen, depth + 1);
    return;
  }
  const kind = objectKind(value);
  switch (kind) {
    case undefined:
      throw new UnfaithfulValue(value instanceof Promise ? "a promise" : describeUnseen(value));
    case "array":
      encodeArray(writer, value as unknown[], seen, depth);
      return;
    case "object":
      encodeFields(writer, tag.object, value, seen, depth);
      return;
    case "null-object":
      encodeFields(writer, tag.bareObject, value, seen, depth);
      return;
    case "view":
      encodeView(writer, value as ArrayBufferView);
      return;
    default:
      if (Object.keys(value).length > 0) throw new UnfaithfulValue(`a ${kind} with properties of its own`);
      encodeBuiltIn(writer, value, kind, seen, depth);
  }
}

function encodeArray(writer: ByteWriter, array: readonly unknown[], seen: Seen, depth: number): void {
  writer.byte(tag.array);
  writer.varint(array.length);
  for (let index = 0; index < array.length; index++) {
    const element = array[index];
    if (element === undefined && !(index in array)) writer.byte(tag.hole);
    else encodeAt(writer, element, seen, depth, index);
  }
}

function encodeFields(writer: ByteWriter, kind: number, value: object, seen: Seen, depth: number): void {
  if (Object.getOwnPropertySymbols(value).length > 0) throw new UnfaithfulValue("an object with symbols for keys");
  const keys = Object.keys(value);
  writer.byte(kind);
  writer.varint(keys.length);
  for (const key of keys) {
    encodeText(writer, key);
    encodeAt(writer, (value as Record<string, unknown>)[key], seen, depth, key);
  }
}

/** What an object at `depth` holds. */
function encodeAt(writer: ByteWriter, value: unknown, seen: Seen, depth: number, step: string | number): void {
  try {
    encodeAny(writer, value, seen, depth + 1);
  } catch (error) {
    if (error instanceof UnfaithfulValue && error.placed) error.path.unshift(step);
    throw error;
  }
}

type BuiltIn = "map" | "set" | "date" | "regexp" | "url" | "array-buffer";

function encodeBuiltIn(writer: ByteWriter, value: object, kind: BuiltIn, seen: Seen, depth: number): void {
  switch (kind) {
    case "map":
      encodeMap(writer, value as Map<unknown, unknown>, seen, depth);
      return;
    case "set":
      writer.byte(tag.set);
      writer.varint((value as Set<unknown>).size);
      for (const member of value as Set<unknown>) encodeAt(writer, member, seen, depth, "member of the set");
      return;
    case "date":
      writer.byte(tag.date);
      writer.double((value as Date).getTime());
      return;
    case "regexp":
      writer.byte(tag.regExp);
      encodeText(writer, (value as RegExp).source);
      writer.text((value as RegExp).flags);
      writer.varint((value as RegExp).lastIndex);
      return;
    case "url":
      writer.byte(tag.url);
      encodeText(writer, (value as URL).href);
      return;
    case "array-buffer":
      writer.byte(tag.arrayBuffer);
      encodeBytes(writer, new Uint8Array(value as ArrayBuffer));
      return;
    default:
      assertNever(kind);
  }
}

function encodeMap(writer: ByteWriter, map: ReadonlyMap<unknown, unknown>, seen: Seen, depth: number): void {
  writer.byte(tag.map);
  writer.varint(map.size);
  for (const [key, value] of map) {
    encodeAt(writer, key, seen, depth, "key of the map");
    encodeAt(writer, value, seen, depth, typeof key === "string" || typeof key === "number" ? key : "value of the map");
  }
}

function encodeView(writer: ByteWriter, view: ArrayBufferView): void {
  if (Buffer.isBuffer(view)) writer.byte(tag.buffer);
  else {
    writer.byte(tag.view);
    writer.byte(viewKinds.indexOf(view.constructor.name as ViewKind));
  }
  encodeBytes(writer, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

function encodeBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.varint(bytes.length);
  writer.bytes(bytes);
}
