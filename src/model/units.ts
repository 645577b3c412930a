/**
 * Durations and sizes as people write them, turned into the numbers that the engine counts with.
 *
 * A duration is seconds when it is a number, or a string with a unit; a size is bytes when it is a number, or a string
 * with a unit. Each parser throws a plain `RangeError` or `TypeError` whose message says what was given and what is
 * taken; the option's name is added by whoever validates the option (see `check.ts`).
 */

/** Seconds as a number, or a string with a unit: `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"1d"`. */
export type Duration = number | string;

/** Bytes as a number, or a string with a unit: `"512MB"` is 512 * 10^6, `"512MiB"` is 512 * 2^20. */
export type Size = number | string;

const millisecondsPer: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const bytesPer: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const numberWithUnit = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i;

export const durationForms = 'seconds as a number, or a string such as "250ms", "30s", "5m", "1h"';
export const sizeForms = 'bytes as a number, or a string such as "512MB" (10^6) or "512MiB" (2^20)';

/** Milliseconds in a duration. Throws `TypeError` for what is no duration, `RangeError` for one below 0 or not finite, or written with a unit and over 2^53 ms. */
export function parseDurationMs(value: Duration): number {
  return parseAmount(value, 1000, millisecondsPer, durationForms);
}

/** Whole bytes in a size, rounded down. Throws `TypeError` for what is no size, `RangeError` for one below 0 or over 2^53. */
export function parseBytes(value: Size): number {
  const bytes = Math.floor(parseAmount(value, 1, bytesPer, sizeForms));
  if (bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new RangeError(`${value} bytes are more than can be counted exactly; takes ${sizeForms}`);
}

function parseAmount(
  value: number | string,
  perPlainNumber: number,
  perUnit: Readonly<Record<string, number>>,
  forms: string,
): number {
  if (typeof value === "number") {
    if (!Number.isFinite(value) || value < 0)
      throw new RangeError(`${value} is not a finite number from 0; takes ${forms}`);
    return value * perPlainNumber;
  }
  if (typeof value !== "string")
    throw new TypeError(`${typeof value} is neither a number nor a string; takes ${forms}`);
  const match = numberWithUnit.exec(value);
  const factor = match === null ? undefined : perUnit[match[2]!.toLowerCase()];
  if (match === null || factor === undefined) throw new TypeError(`"${value}" has no known unit; takes ${forms}`);
  const amount = Number(match[1]) * factor;
  if (amount <= Number.MAX_SAFE_INTEGER) return amount;
  throw new RangeError(`"${value.slice(0, 40)}" is more than can be counted exactly; takes ${forms}`);
}

/** `1536` as `"1.5 KiB"`: the largest binary unit that leaves a number of at least 1. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${trimNumber(amount)} ${units[unit]}`;
}

/** `8_000_000_000` as `"8 GB"`, `67_108_864` as `"64 MiB"`, `1001` as `"1001 bytes"`: nothing is rounded, so that limits can be compared. */
export function exactBytes(bytes: number): string {
  for (const [unit, size] of exactUnits) if (bytes >= size && bytes % size === 0) return `${bytes / size} ${unit}`;
  return `${bytes} bytes`;
}

const exactUnits = [
  ["GiB", 2 ** 30],
  ["GB", 1e9],
  ["MiB", 2 ** 20],
  ["MB", 1e6],
  ["KiB", 2 ** 10],
  ["kB", 1e3],
] as const;

/** `90_500` as `"1m 30.5s"`: for people, never for parsing. */
export function formatDurationMs(milliseconds: number): string {
  if (milliseconds < 1000) return `${trimNumber(milliseconds)}ms`;
  const hours = Math.floor(milliseconds / 3_600_000);
  const minutes = Math.floor((milliseconds % 3_600_000) / 60_000);
  const seconds = (milliseconds % 60_000) / 1000;
  if (hours > 0) return `${hours}h ${minutes}m ${Math.floor(seconds)}s`;
  if (minutes > 0) return `${minutes}m ${trimNumber(seconds)}s`;
  return `${trimNumber(seconds)}s`;
}

function trimNumber(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(value >= 10 ? 1 : 2)));
}
