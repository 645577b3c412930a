import { vi } from "vitest";

/** Waits until the check does not throw: long enough for a machine that others use too. */
export function eventually<Result>(check: () => Result | Promise<Result>): Promise<Result> {
  return vi.waitFor(check, { timeout: 30_000, interval: 20 });
}
