/**
 * The standard output and error of a session, cut into pieces. The driver writes a mark at the end of each piece, which
 * holds that piece's token; what comes before it is the piece's, what comes behind is the next one's.
 */
import { PassThrough, type Readable } from "node:stream";

export class PieceStream {
  readonly #source: Readable;
  #mark = Buffer.alloc(0);
  #piece: PassThrough | undefined;
  /** What came behind the last mark, or may be the beginning of the next. */
  #pending: Buffer = Buffer.alloc(0);

  constructor(source: Readable) {
    this.#source = source;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.once("close", () => this.#flush());
    source.once("end", () => this.#flush());
  }

  /** The output of the piece that begins now; it ends at `mark`, or with the session. */
  begin(mark: string): Readable {
    this.#piece?.end();
    this.#mark = Buffer.from(mark);
    const piece = new PassThrough({ highWaterMark: 1 << 20 });
    this.#piece = piece;
    const waiting = this.#pending;
    this.#pending = Buffer.alloc(0);
    if (waiting.length > 0) this.#take(waiting);
    if (this.#source.readableEnded || this.#source.destroyed) this.#flush();
    return piece;
  }

  #take(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#piece === undefined) {
      // Nobody's piece: something that an earlier one left running. Kept for the next, as a terminal would show it.
      this.#pending = bytes.subarray(-longestPending);
      return;
    }
    const end = bytes.indexOf(this.#mark);
    if (end >= 0) {
      this.#piece.end(bytes.subarray(0, end));
      this.#piece = undefined;
      this.#pending = Buffer.from(bytes.subarray(end + this.#mark.length));
      return;
    }
    const kept = beginningAtEnd(bytes, this.#mark);
    this.#piece.write(bytes.subarray(0, bytes.length - kept));
    this.#pending = Buffer.from(bytes.subarray(bytes.length - kept));
  }

  #flush(): void {
    this.#piece?.end(this.#pending);
    this.#piece = undefined;
    this.#pending = Buffer.alloc(0);
  }
}

const longestPending = 65_536;

/** How many bytes at the end of `bytes` may be the beginning of `mark`. */
function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(bytes.length, mark.length - 1); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  return 0;
}
