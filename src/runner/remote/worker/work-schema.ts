/** What commands and sandboxed code in a message must look like, before anything in them is used. */
import { z } from "zod";
import type { CodeWork, CommandWork } from "../../../model/work.js";
import { decodeValue, type EncodedValue } from "../value-codec.js";

const text = z.string();
const bytes = z.union([text, z.instanceof(Uint8Array)]);
const size = z.union([z.number(), text]);
const variables = z.record(text, text);

const command = z.strictObject({
  kind: z.literal("command"),
  argv: z.array(text).min(1).max(100_000),
  options: z.strictObject({
    cwd: text.optional(),
    env: variables.optional(),
    inheritEnv: z.array(text).optional(),
    stdin: bytes.optional(),
    shell: z.boolean().optional(),
    maxOutput: size.optional(),
    onOutputLimit: z.enum(["fail", "truncate"]).optional(),
    successCodes: z.array(z.number()).optional(),
    killGrace: z.number().optional(),
    output: z.enum(["result", "text", "json"]).optional(),
  }),
});

const code = z.strictObject({
  kind: z.literal("code"),
  language: text,
  source: text,
  /** Checked by the sandbox that it is for, name by name. */
  sandbox: z.record(text, z.unknown()).optional(),
  options: z
    .strictObject({
      files: z.record(text, bytes).optional(),
      stdin: bytes.optional(),
      env: variables.optional(),
      args: z.array(text).optional(),
      output: z.enum(["value", "result"]).optional(),
    })
    .optional(),
});

const work = z.discriminatedUnion("kind", [command, code]);

/** The work, or what is wrong with it. */
export function readWork(
  encoded: Exclude<EncodedValue, { r: unknown }>,
): { readonly work: CommandWork | CodeWork } | { readonly wrong: string } {
  let value: unknown;
  try {
    value = decodeValue(encoded);
  } catch (error) {
    return { wrong: (error as Error).message };
  }
  const { data, error } = work.safeParse(value);
  if (data !== undefined) return { work: data as CommandWork | CodeWork };
  return { wrong: error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; ") };
}
