/**
 * What a task is, as a key: the digest of everything that its output depends on. The parts are kept apart until the last
 * step, so that it can be told which of them differed.
 */
import type { Hash } from "node:crypto";
import { canonicalText, NotCanonicalError, writeCanonical } from "../../model/canonical.js";
import { OrchestratorError } from "../../model/error.js";
import type { Inputs } from "../../model/work.js";

/** The parts of a key, each of them a value with a canonical text. */
export interface KeyParts {
  /** Name of the task. */
  readonly task: string;
  /** What the task's author says its version is. */
  readonly version: unknown;
  /** What it would carry out: `undefined` for a function of this process, which has a version instead. */
  readonly work: unknown;
  /** By name; or what the task's own `key` gave for them. */
  readonly inputs: Inputs | { readonly key: unknown };
  /** Contents of declared files by their paths. */
  readonly files: unknown;
}

/** Raised when the way keys are made changes, so that none of the older ones is found. */
const keyVersion = 1;

/** `node:crypto` takes milliseconds to load, and keys are made where nothing can be waited for: it is loaded with the first. */
const sha256 = (): Hash => process.getBuiltinModule("node:crypto").createHash("sha256");

/** The key: 43 characters. @throws NotCanonicalError that says which input has no value to go by. */
export function keyOf(parts: KeyParts): string {
  const hash = sha256();
  const { task, version, work, inputs, files } = parts;
  try {
    writeCanonical([keyVersion, task, version, work, inputs, files], (piece) => hash.update(piece, "utf16le"));
  } catch (error) {
    throw placed(error, parts);
  }
  return hash.digest("base64url");
}

/** A short digest of each part and of each input, by name: `{ version: "...", "inputs.rows": "..." }`. */
export function digestsOf({ version, work, inputs, files }: KeyParts): Record<string, string> {
  const digests: Record<string, string> = {
    version: shortDigest(version),
    work: shortDigest(work),
    files: shortDigest(files),
  };
  for (const [name, value] of Object.entries(inputs)) digests[`inputs.${name}`] = shortDigest(value);
  return digests;
}

/**
 * A key of any value with a canonical text, such as `["prices", { date, region }]`: 43 characters.
 *
 * @example
 * console.log(cacheKeyOf({ day: 1, of: "May" }) === cacheKeyOf({ of: "May", day: 1 })); // prints true
 *
 * @throws OrchestratorError `NOT_KEYABLE`
 */
export function cacheKeyOf(value: unknown): string {
  const hash = sha256();
  writeCanonical(value, (piece) => hash.update(piece, "utf16le"));
  return hash.digest("base64url");
}

function shortDigest(value: unknown): string {
  return sha256().update(canonicalText(value), "utf16le").digest("base64url").slice(0, 16);
}

const partNames = ["", "name", "cache.version", "work", "inputs", "cache.files"];

function placed(error: unknown, { task }: KeyParts): unknown {
  if (!(error instanceof NotCanonicalError)) return error;
  const [, part = "0", rest = ""] = /^\[(\d)\](.*)$/.exec(error.path) ?? [];
  const where = `${partNames[Number(part)]}${rest}`;
  const message = `task "${task}" has no key: ${where} is ${error.what}; leave it out of the key with cache.key, or the task without cache`;
  return new OrchestratorError("NOT_KEYABLE", message, { cause: error });
}
