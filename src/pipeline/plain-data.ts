/** Turns what an expression gives into plain data: no 64-bit integers, optionals or types of the expression language. */
import { Optional } from "@marcbachmann/cel-js";

const deepest = 64;

/** Copies only what has to change. Throws `TypeError` or `RangeError` for what has no plain form. */
export function toPlainData(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return toNumber(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > deepest) throw new RangeError(`data nested deeper than ${deepest} levels`);
  if (Array.isArray(value)) return mapChanged(value, depth);
  if (value instanceof Optional) return value.hasValue() ? toPlainData(value.value(), depth + 1) : null;
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, member]) => [String(key), toPlainData(member, depth + 1)]));
  }
  if (value instanceof Date || ArrayBuffer.isView(value)) return value;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype)
    return objectChanged(value as Record<string, unknown>, depth);
  const name = (prototype.constructor as { name?: string } | undefined)?.name ?? "object";
  throw new TypeError(`gives a ${name.toLowerCase()}, which is no plain data; string(...) makes text of it`);
}

function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new RangeError(`the integer ${value} is beyond 2^53; string(...) keeps it whole`);
  return number;
}

function mapChanged(list: readonly unknown[], depth: number): readonly unknown[] {
  let changed: unknown[] | undefined;
  for (let index = 0; index < list.length; index++) {
    const plain = toPlainData(list[index], depth + 1);
    if (plain === list[index]) continue;
    changed ??= [...list];
    changed[index] = plain;
  }
  return changed ?? list;
}

function objectChanged(object: Record<string, unknown>, depth: number): Record<string, unknown> {
  let changed: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const plain = toPlainData(object[key], depth + 1);
    if (plain === object[key]) continue;
    changed ??= { ...object };
    changed[key] = plain;
  }
  return changed ?? object;
}
