/** Values that many keys of a pipeline file take. */
import * as z from "zod";

/** Names that expressions reach with a dot; hyphens are taken too, and then reached as `tasks["read-data"]`. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;
const durationPattern = /^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$/;
const sizePattern = /^\s*\d+(\.\d+)?\s*([kKmMgGtT]?[bB]|[kKmMgGtT][iI][bB])\s*$/;

/** A duration, as `units.ts` reads it. */
export const duration = z
  .union([z.number().min(0), z.string().regex(durationPattern)])
  .meta({ id: "duration", description: 'Seconds as a number, or a string with a unit: "250ms", "30s", "5m", "1h".' });

/** A size, as `units.ts` reads it. */
export const size = z
  .union([z.int().min(0), z.string().regex(sizePattern)])
  .meta({ id: "size", description: 'Bytes as a number, or a string with a unit: "512MB" (10^6), "512MiB" (2^20).' });
