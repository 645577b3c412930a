/**
 * Reads the server name out of the first bytes of a TLS connection (RFC 8446 section 4.1.2, RFC 6066 section 3).
 *
 * The bytes come from code that nobody trusts. Every length is checked against what is there, nothing is allocated by a length that
 * was claimed, and the whole is bounded. The message may be spread over several records.
 */

export type ClientHello =
  /** Too few bytes so far. */
  | { readonly state: "incomplete" }
  | { readonly state: "malformed"; readonly problem: string }
  | {
      readonly state: "complete";
      /** As sent; absent where the client named none. */
      readonly serverName?: string;
      /** Whether the true name may be in an encrypted part (ECH or ESNI). */
      readonly encrypted: boolean;
    };

/** More than the largest hello of today's clients (post-quantum key shares: under 2 KiB) by far. */
export const longestHelloBytes = 16_384;

const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const encryptedExtensions = new Set([0xfe0d, 0xffce]);
const incomplete: ClientHello = { state: "incomplete" };

export function readClientHello(bytes: Uint8Array): ClientHello {
  const message = assemble(bytes);
  if (!(message instanceof Uint8Array)) return message;
  try {
    return readMessage(new Reader(message));
  } catch (error) {
    if (error instanceof RangeError) return malformed(error.message);
    throw error;
  }
}

function malformed(problem: string): ClientHello {
  return { state: "malformed", problem };
}

/** The body of the handshake message, put together from its records. */
function assemble(bytes: Uint8Array): Uint8Array | ClientHello {
  const fragments: Uint8Array[] = [];
  const header: number[] = [];
  let gathered = 0;
  let position = 0;
  while (true) {
    if (bytes.length > position && bytes[position] !== handshakeRecord) return malformed("no TLS handshake");
    if (bytes.length > position + 1 && bytes[position + 1] !== 3) return malformed("no TLS version");
    if (bytes.length < position + 5) return incomplete;
    const length = (bytes[position + 3]! << 8) | bytes[position + 4]!;
    if (length === 0 || position + 5 + length > longestHelloBytes) return malformed("a TLS record of unlikely length");
    const fragment = bytes.subarray(position + 5, position + 5 + length);
    fragments.push(fragment);
    gathered += fragment.length;
    for (let index = 0; header.length < 4 && index < fragment.length; index++) header.push(fragment[index]!);
    if (header.length > 0 && header[0] !== clientHelloMessage) return malformed("no ClientHello");
    const wanted = header.length < 4 ? Number.POSITIVE_INFINITY : (header[1]! << 16) | (header[2]! << 8) | header[3]!;
    if (header.length === 4 && wanted > longestHelloBytes) return malformed("a ClientHello of unlikely length");
    if (gathered >= 4 + wanted) return Buffer.concat(fragments).subarray(4, 4 + wanted);
    if (fragment.length < length) return incomplete;
    position += 5 + length;
  }
}

function readMessage(message: Reader): ClientHello {
  message.skip(2 + 32);
  message.block(1);
  message.block(2);
  message.block(1);
  // Without extensions there is no server name.
  const extensions = message.isAtEnd ? new Reader(new Uint8Array()) : message.block(2);
  if (!message.isAtEnd) return malformed("bytes after the extensions");
  let serverName: string | undefined;
  let encrypted = false;
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const body = extensions.block(2);
    if (seen.has(type)) return malformed("an extension twice");
    seen.add(type);
    if (type === serverNameExtension) serverName = readServerName(body);
    if (encryptedExtensions.has(type)) encrypted = true;
  }
  return serverName === undefined ? { state: "complete", encrypted } : { state: "complete", serverName, encrypted };
}

function readServerName(body: Reader): string {
  const names = body.block(2);
  const type = names.number(1);
  const name = names.block(2).text();
  if (type !== 0 || !names.isAtEnd || !body.isAtEnd) throw new RangeError("a server name that is no single host name");
  return name;
}

/** Reads forward through bytes, and throws `RangeError` where they end too soon. */
class Reader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#bytes.length;
  }

  skip(length: number): void {
    this.#take(length);
  }

  number(width: number): number {
    return this.#take(width).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** What follows a length of `width` bytes. */
  block(width: number): Reader {
    return new Reader(this.#take(this.number(width)));
  }

  text(): string {
    return Buffer.from(this.#bytes).toString("latin1");
  }

  #take(length: number): Uint8Array {
    if (this.#position + length > this.#bytes.length)
      throw new RangeError("a length that is longer than what it is in");
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }
}
