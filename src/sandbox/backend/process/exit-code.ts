/** What an exit code says, in the shells' own convention: 128 and a signal's number for who was ended by it. */
import { constants } from "node:os";

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number as number, name]));

/**
 * Bubblewrap hands on how its first process ended in this way, so that a program that exits with 139 by itself is
 * taken for one that crashed. Both have failed.
 */
export function exitOfCode(code: number): { readonly exitCode: number | null; readonly signal: string | null } {
  const signal = code > 128 ? names.get(code - 128) : undefined;
  return signal === undefined ? { exitCode: code, signal: null } : { exitCode: null, signal };
}
