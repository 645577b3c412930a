/**
 * What a driver is told, over its private channel, before any user code runs.
 *
 *     job    := record* "go 0 -" LF
 *     record := kind SP size SP name LF payload        size: decimal bytes of the payload
 *
 * `name` is percent-encoded, `-` where there is none, so that a shell reads a record with `read` and `head -c`.
 *
 * | kind   | name     | payload                                             |
 * |--------|----------|-----------------------------------------------------|
 * | token  | -        | 32 hex digits; signs every frame of this job          |
 * | mode   | -        | `once`, or `session`: wait for another job after it   |
 * | limit  | -        | most bytes of a `value` frame                          |
 * | env    | variable | its text                                               |
 * | file   | path     | content of a file to lay into `/work`                   |
 * | arg    | -        | one argument; in order                                  |
 * | inputs | -        | JSON text                                               |
 * | code   | name     | the source; the name is what tracebacks call it         |
 *
 * At the end of each piece of a session the driver writes `TOKEN " end" LF` to standard output and standard error, then
 * the frame `done`: pipes have no other order between them.
 */
import { randomUUID } from "node:crypto";
import type { Language } from "../language.js";
import type { CodeRequest } from "../request.js";

export interface JobOptions {
  readonly token: string;
  readonly mode: "once" | "session";
  readonly valueBytes: number;
}

/** A token that code in the sandbox cannot guess. */
export function makeToken(): string {
  // 122 random bits; of those that make some, the one that draws them ahead.
  return randomUUID();
}

/** What a driver writes to both standard streams at the end of a session's piece. */
export function endMark(token: string): string {
  return `${token} end\n`;
}

/** Name of the source file in the working folder. */
export function codeFileName(language: Language): string {
  return `main${language.extensions[0] ?? ""}`;
}

/** The whole job as one buffer. */
export function encodeJob(request: CodeRequest, options: JobOptions): Uint8Array {
  const parts: Uint8Array[] = [];
  const record = (kind: string, payload: string | Uint8Array, name = "-") => {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    parts.push(Buffer.from(`${kind} ${bytes.length} ${name}\n`), bytes);
  };
  record("token", options.token);
  record("mode", options.mode);
  record("limit", String(options.valueBytes));
  for (const [name, text] of Object.entries(request.env)) record("env", text, name);
  for (const file of request.files) record("file", file.bytes, encodeName(file.name));
  for (const argument of request.args) record("arg", argument);
  if (request.inputsJson !== undefined) record("inputs", request.inputsJson);
  record("code", request.code, codeFileName(request.language));
  record("go", "");
  return Buffer.concat(parts);
}

/** Letters, digits, `.`, `_` and `/` stay; every other byte is `%NN`; so no name is `-`. */
export function encodeName(name: string): string {
  let encoded = "";
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9._/]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return encoded;
}
