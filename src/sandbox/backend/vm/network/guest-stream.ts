/**
 * One connection of a guest: what the guest sends goes to the proxy, what the proxy answers goes back.
 *
 * Both directions have a window. What the guest sends beyond it ends the machine; what the proxy sends waits in the
 * proxy. Nothing is kept here but one window of bytes that the proxy has not taken yet, in one block, however small the
 * pieces are in which the guest has sent them.
 */
import type { Duplex } from "node:stream";
import { type StreamMessage, windowBytes } from "./stream-message.js";

export interface GuestStreamParts {
  readonly stream: number;
  /** To the proxy, with ends of its own for each direction. */
  readonly connection: Duplex;
  send(message: StreamMessage): void;
  /** Whether more of the proxy may be put on the line now. */
  mayRead(): boolean;
  /** Told once, when nothing more can come for it. */
  onOver(): void;
}

export class GuestStream {
  readonly #parts: GuestStreamParts;
  /** Sent to the guest, and not taken there yet. */
  #onWay = 0;
  /** Had from the guest, and not taken by the proxy yet. */
  #untaken = 0;
  #writing = false;
  #waiting: Buffer | undefined;
  #waitingBytes = 0;
  /** The last word of each side. */
  #told: "end" | "reset" | undefined;
  #heard: "end" | "reset" | undefined;

  constructor(parts: GuestStreamParts) {
    this.#parts = parts;
    const { connection } = parts;
    connection.on("data", (data: Buffer) => this.#toGuest(data));
    connection.once("end", () => this.#tell("end"));
    // How it ended is seen from its closing.
    connection.on("error", () => {});
    connection.once("close", () => {
      if (this.#told === undefined || this.#heard === undefined) this.#tell("reset");
    });
  }

  /** @throws RangeError for what no agent would say. */
  hear(message: StreamMessage): void {
    switch (message.operation) {
      case "data":
        this.#toProxy(message.data);
        break;
      case "taken":
        if (message.bytes > this.#onWay) throw new RangeError("the guest has taken more of a stream than it was sent");
        this.#onWay -= message.bytes;
        this.readOn();
        break;
      case "end":
        if (this.#heard !== undefined) throw new RangeError("the guest has ended a stream twice");
        this.#heard = "end";
        if (!this.#writing) this.#parts.connection.end();
        this.#settle();
        break;
      case "reset":
        this.#heard = "reset";
        this.#tell("reset");
        this.#parts.connection.destroy();
        this.#settle();
        break;
      case "open":
        throw new RangeError("the guest has opened a stream twice");
    }
  }

  /** The line, or the window, has room again. */
  readOn(): void {
    if (this.#onWay < windowBytes && this.#parts.mayRead()) this.#parts.connection.resume();
  }

  destroy(): void {
    this.#told = "reset";
    this.#heard = "reset";
    this.#parts.connection.destroy();
  }

  #toGuest(data: Buffer): void {
    const { connection, stream, send, mayRead } = this.#parts;
    if (this.#told !== undefined) return;
    this.#onWay += data.length;
    send({ operation: "data", stream, data });
    if (this.#onWay >= windowBytes || !mayRead()) connection.pause();
  }

  #toProxy(data: Buffer): void {
    if (this.#heard !== undefined) throw new RangeError("the guest has sent data after the end of a stream");
    // The guest may not have heard yet that nobody wants it.
    if (this.#told === "reset") return;
    this.#untaken += data.length;
    if (this.#untaken > windowBytes) throw new RangeError("the guest has sent more of a stream than its window");
    if (!this.#writing) {
      this.#write(Buffer.from(data));
      return;
    }
    this.#waiting ??= Buffer.allocUnsafe(windowBytes);
    this.#waitingBytes += data.copy(this.#waiting, this.#waitingBytes);
  }

  #write(data: Buffer): void {
    const { connection, send, stream } = this.#parts;
    this.#writing = true;
    connection.write(data, (error) => {
      this.#writing = false;
      if (error || this.#told === "reset") return;
      this.#untaken -= data.length;
      send({ operation: "taken", stream, bytes: data.length });
      if (this.#waitingBytes > 0) {
        const next = Buffer.from(this.#waiting!.subarray(0, this.#waitingBytes));
        this.#waitingBytes = 0;
        this.#write(next);
      } else if (this.#heard === "end") connection.end();
    });
  }

  #tell(word: "end" | "reset"): void {
    const { send, stream } = this.#parts;
    if (this.#told === "reset" || (this.#told === "end" && (word === "end" || this.#heard !== undefined))) return;
    this.#told = word;
    send({ operation: word, stream });
    this.#settle();
  }

  #settle(): void {
    if (this.#told !== undefined && this.#heard !== undefined) this.#parts.onOver();
  }
}
