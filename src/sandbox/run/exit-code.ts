/** What an exit code says, in the shells' own convention: 128 and a signal's number for who was ended by it. */
import { constants } from "node:os";

/** Some numbers have two names; the first, in the order of signal(7), is the one that people know. */
const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) if (!names.has(number)) names.set(number, name);

/** `"SIGKILL"` for 9; `undefined` for what is no signal. */
export function signalName(number: number): string | undefined {
  return names.get(number);
}

/**
 * Bubblewrap hands on how its first process ended in this way, so that a program that exits with 139 by itself is
 * taken for one that crashed. Both have failed.
 */
export function exitOfCode(code: number): { readonly exitCode: number | null; readonly signal: string | null } {
  const signal = code > 128 ? names.get(code - 128) : undefined;
  return signal === undefined ? { exitCode: code, signal: null } : { exitCode: null, signal };
}
