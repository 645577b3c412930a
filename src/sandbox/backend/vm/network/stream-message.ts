/**
 * What is said of the streams of a guest: its connections to the proxy of allowed domains, carried over its one line.
 *
 *     message := operation (1 byte) stream (4 bytes, big endian) rest
 *
 * A guest gives its streams numbers that only grow. See `guest/network.py` for the other end.
 */

/** Bytes of one stream that may be on their way, or wait for their reader, in each direction. */
export const windowBytes = 131_072;
/** Streams at one time: more than the proxy's own limit of connections, so that it is the proxy that denies. */
export const mostStreams = 96;

export type StreamMessage =
  /** A connection was made; only guests say so. */
  | { readonly operation: "open"; readonly stream: number }
  | { readonly operation: "data"; readonly stream: number; readonly data: Buffer }
  /** No more data will follow. */
  | { readonly operation: "end"; readonly stream: number }
  /** So many bytes have reached their reader. */
  | { readonly operation: "taken"; readonly stream: number; readonly bytes: number }
  /** Nothing more in either direction. */
  | { readonly operation: "reset"; readonly stream: number };

const letters = { open: "o", data: "d", end: "e", taken: "a", reset: "x" } as const;
const headerBytes = 5;

/** @throws RangeError for anything that is no message. */
export function readStreamMessage(payload: Buffer): StreamMessage {
  if (payload.length < headerBytes) throw new RangeError("the guest sent a message of a stream that is too short");
  const stream = payload.readUInt32BE(1);
  const rest = payload.subarray(headerBytes);
  switch (payload.toString("latin1", 0, 1)) {
    case letters.data:
      if (rest.length > 0 && rest.length <= windowBytes) return { operation: "data", stream, data: rest };
      break;
    case letters.taken:
      if (rest.length === 4) return { operation: "taken", stream, bytes: rest.readUInt32BE(0) };
      break;
    case letters.open:
      if (rest.length === 0) return { operation: "open", stream };
      break;
    case letters.end:
      if (rest.length === 0) return { operation: "end", stream };
      break;
    case letters.reset:
      if (rest.length === 0) return { operation: "reset", stream };
      break;
    default:
      throw new RangeError(`the guest sent a message of a stream of an unknown kind (${payload[0]})`);
  }
  throw new RangeError("the guest sent a message of a stream that has no right length");
}

export function encodeStreamMessage(message: StreamMessage): Buffer {
  const rest = message.operation === "data" ? message.data.length : message.operation === "taken" ? 4 : 0;
  const payload = Buffer.allocUnsafe(headerBytes + rest);
  payload.write(letters[message.operation], 0, 1, "latin1");
  payload.writeUInt32BE(message.stream, 1);
  if (message.operation === "data") payload.set(message.data, headerBytes);
  if (message.operation === "taken") payload.writeUInt32BE(message.bytes, headerBytes);
  return payload;
}
