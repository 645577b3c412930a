/** Bytes in, lines of text out, whatever the places at which the bytes were cut. */

/** A line longer than this comes in pieces, so that output without a newline is seen too, and held in bounded memory. */
const longestLine = 64 * 1024;

export class LineSplitter {
  readonly #emit: (line: string) => void;
  /** Keeps the bytes of a character that is not complete yet; what is no UTF-8 becomes U+FFFD. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  push(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The last line, where it has no newline. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#emit(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    let start = 0;
    for (let newline = text.indexOf("\n"); newline >= 0; newline = text.indexOf("\n", start)) {
      this.#line(this.#rest + text.slice(start, newline));
      this.#rest = "";
      start = newline + 1;
    }
    this.#rest += text.slice(start);
    while (this.#rest.length > longestLine) {
      const end = pieceEnd(this.#rest, longestLine);
      this.#emit(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end);
    }
  }

  #line(line: string): void {
    let rest = line.endsWith("\r") ? line.slice(0, -1) : line;
    while (rest.length > longestLine) {
      const end = pieceEnd(rest, longestLine);
      this.#emit(rest.slice(0, end));
      rest = rest.slice(end);
    }
    this.#emit(rest);
  }
}

/** Not between the two halves of a character outside of the basic plane. */
function pieceEnd(text: string, wanted: number): number {
  const last = text.charCodeAt(wanted - 1);
  return last >= 0xd800 && last <= 0xdbff ? wanted - 1 : wanted;
}
