/** What examples/programs/optimized.ts runs in worker threads. */
import { createHash } from "node:crypto";

export function fingerprint({ text }: { readonly text: string }): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
