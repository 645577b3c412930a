/**
 * Seals messages. With a shared key a message carries an HMAC-SHA-256 over its purpose and its text, so that one who can
 * write to Redis can neither make a message nor use one for another purpose. Without a key the seal is empty, and Redis
 * itself must be trusted.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { OrchestratorError } from "../../model/error.js";

const separator = ".";

export class Envelope {
  readonly #key: string | undefined;
  readonly #maximumBytes: number;

  constructor(key: string | undefined, maximumBytes: number) {
    this.#key = key;
    this.#maximumBytes = maximumBytes;
  }

  /** Throws where the text is longer than a message may be. */
  seal(purpose: string, text: string): string {
    this.#checkSize(text.length, purpose);
    return `${this.#key === undefined ? "" : this.#sign(this.#key, purpose, text)}${separator}${text}`;
  }

  /** The text that was sealed for this purpose. Throws where the seal does not fit. */
  open(purpose: string, sealed: unknown): string {
    if (typeof sealed !== "string") throw refused(`a message for ${purpose} is no text`);
    this.#checkSize(sealed.length, purpose);
    const end = sealed.indexOf(separator);
    if (end < 0) throw refused(`a message for ${purpose} has no seal`);
    const text = sealed.slice(end + 1);
    if (this.#key === undefined) return text;
    const expected = Buffer.from(this.#sign(this.#key, purpose, text));
    const given = Buffer.from(sealed.slice(0, end));
    if (given.length === 0) throw refused(`a message for ${purpose} is not signed, and a shared key is set here`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw refused(`a message for ${purpose} is not signed with the key that is set here`);
    return text;
  }

  #sign(key: string, purpose: string, text: string): string {
    return createHmac("sha256", key).update(purpose).update("\0").update(text).digest("base64url");
  }

  #checkSize(size: number, purpose: string): void {
    if (size > this.#maximumBytes + 100)
      throw refused(`a message for ${purpose} has ${size} characters, more than the ${this.#maximumBytes} allowed`);
  }
}

export function refused(message: string): OrchestratorError {
  return new OrchestratorError("MESSAGE_REFUSED", message);
}
