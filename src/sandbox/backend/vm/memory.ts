/** How much memory a guest gets for a limit of its code. */

/** The guest's kernel, its agent, and what its disk leaves in memory. */
const guestMebibytes = 192;
const smallestMebibytes = 512;

/** The guest's memory in powers of two, so that few snapshots serve all limits; the limit itself is kept inside. */
export function guestMemoryMebibytes(limitBytes: number): number {
  const needed = Math.ceil(limitBytes / 2 ** 20) + guestMebibytes;
  return Math.max(smallestMebibytes, 2 ** Math.ceil(Math.log2(needed)));
}
