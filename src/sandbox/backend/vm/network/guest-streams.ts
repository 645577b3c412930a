/**
 * The streams of one guest, each a connection to the proxy of its sandbox. To the proxy they are what connections of a
 * process sandbox are: it checks them, counts them and denies them.
 *
 * The other end is not trusted. It has no more streams than `mostStreams`, no more bytes of each than a window, and
 * whoever breaks a rule that the agent keeps has ended its machine.
 */
import type { Duplex } from "node:stream";
import { GuestStream } from "./guest-stream.js";
import { encodeStreamMessage, mostStreams, readStreamMessage } from "./stream-message.js";

export interface GuestStreamsParts {
  /** A new connection to the proxy; it may still be opening. */
  connect(): Duplex;
  /** Sends a message to the guest. */
  send(payload: Buffer): void;
  /** Whether the line to the guest takes more now; where it does not, `readOn` is called once it does. */
  mayRead(): boolean;
}

export class GuestStreams {
  readonly #parts: GuestStreamsParts;
  readonly #streams = new Map<number, GuestStream>();
  #last = 0;
  #closed = false;

  constructor(parts: GuestStreamsParts) {
    this.#parts = parts;
  }

  /** Streams that are not over. */
  get size(): number {
    return this.#streams.size;
  }

  /** Takes a message of the guest. @throws RangeError for what no agent would say. */
  hear(payload: Buffer): void {
    const message = readStreamMessage(payload);
    if (this.#closed) return;
    const { operation, stream: number } = message;
    const stream = this.#streams.get(number);
    if (stream !== undefined) stream.hear(message);
    else if (operation === "open") this.#open(number);
    // The last words of a stream that is over may have crossed with its end.
    else if ((operation !== "taken" && operation !== "reset") || number > this.#last)
      throw new RangeError("the guest spoke of a stream that is not open");
  }

  /** The line has room again. */
  readOn(): void {
    for (const stream of this.#streams.values()) stream.readOn();
  }

  /** Ends all connections; what the guest says from now on is not heard. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
  }

  #open(number: number): void {
    if (number <= this.#last) throw new RangeError("the guest gave a stream the number of an earlier one");
    if (this.#streams.size >= mostStreams) throw new RangeError(`the guest opened more than ${mostStreams} streams`);
    this.#last = number;
    const { connect, send, mayRead } = this.#parts;
    const stream = new GuestStream({
      stream: number,
      connection: connect(),
      send: (message) => {
        if (!this.#closed) send(encodeStreamMessage(message));
      },
      mayRead,
      onOver: () => this.#streams.delete(number),
    });
    this.#streams.set(number, stream);
  }
}
