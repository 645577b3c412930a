/** Faults of the machine that say nothing of what was attempted: the same may well succeed in a moment. */

const codes = new Set(["ENOMEM", "EAGAIN", "EMFILE", "ENFILE"]);

/** Whether an error, or what caused it, is for want of memory, processes or descriptors. */
export function isPassingFault(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as NodeJS.ErrnoException & { readonly cause?: unknown };
  return codes.has(code ?? "") || (cause !== undefined && isPassingFault(cause));
}

/** What to do about one. */
export const remedyOfPassingFault = "try again when memory, processes and open files are free, or raise their limits";
