/** The first byte of each value. A number is never given another meaning: what changes gets a new one, and a new format version. */
export const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** A whole number from 0, as a varint. */
  natural: 4,
  /** A whole number below 0, but not -0: a varint of its distance from -1. */
  negative: 5,
  double: 6,
  bigint: 7,
  text: 8,
  /** Text with lone surrogates. */
  text16: 9,
  array: 10,
  /** A place of an array where there is nothing. */
  hole: 11,
  object: 12,
  /** An object without a prototype. */
  bareObject: 13,
  map: 14,
  set: 15,
  date: 16,
  regExp: 17,
  arrayBuffer: 18,
  /** Kind and bytes. */
  view: 19,
  buffer: 20,
  error: 21,
  url: 22,
  /** The n-th object that came before in the same value. */
  reference: 23,
} as const;

/** Kinds of views, by their number in the format. */
export const viewKinds = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
] as const;

export type ViewKind = (typeof viewKinds)[number];

/**
 * Objects in objects. Both sides go down by calls, and the stack of the process that resumes must not be too short for what
 * another one wrote.
 */
export const deepestValue = 1000;
