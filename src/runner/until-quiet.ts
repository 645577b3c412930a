/**
 * What a program wrote before its end is in its pipes when the end is told, but not in this process yet; and no time is
 * long enough to wait for it, because this process may be held up for any time itself. What is ready is read in each turn of
 * the event loop, so a turn that has read nothing more says that there is no more.
 */

/** More than any pipe holds: what comes after it was written after the end. */
const mostBytes = 2 ** 20;

/** Resolves after a turn in which `bytesRead` did not grow, or when it has grown by more than pipes hold. */
export async function untilQuiet(bytesRead: () => number): Promise<void> {
  const first = bytesRead();
  for (let before = -1; before !== bytesRead() && before - first <= mostBytes; ) {
    before = bytesRead();
    await wholeTurn();
  }
}

/** A callback of `setImmediate` runs at the end of the turn in which it was asked for, where reading may be over: one more is a whole turn. */
export function wholeTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
