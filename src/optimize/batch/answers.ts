/** Reads what a handler gave: one entry for each item. */
import { asError, OrchestratorError } from "../../model/error.js";

export type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Error };

/** `count` answers; where the handler gave another number of entries, or no array, each of them says so. */
export function readAnswers(key: string, given: unknown, count: number): readonly Answer[] {
  if (Array.isArray(given) && given.length === count) return Array.from(given, readEntry);
  const got = Array.isArray(given) ? `${given.length} entries` : given === null ? "null" : `a ${typeof given}`;
  const message = `batch "${key}": the handler gave ${got} for ${count} items; it must give an array with one entry for each item, in their order`;
  const error = new OrchestratorError("BATCH_RESULT", message);
  return Array.from({ length: count }, () => ({ ok: false, error }));
}

function readEntry(entry: unknown): Answer {
  if (entry instanceof Error) return { ok: false, error: entry };
  if (typeof entry !== "object" || entry === null) return { ok: true, value: entry };
  const { status, value, reason } = entry as { status?: unknown; value?: unknown; reason?: unknown };
  if (status !== "fulfilled" && status !== "rejected") return { ok: true, value: entry };
  const keys = Object.keys(entry);
  if (keys.length === 2 && status === "fulfilled" && keys.includes("value")) return { ok: true, value };
  if (keys.length === 2 && status === "rejected" && keys.includes("reason"))
    return { ok: false, error: asError(reason) };
  return { ok: true, value: entry };
}
