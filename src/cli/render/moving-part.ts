/** The part of a terminal's screen that is drawn again and again, below lines that scroll by. */
import type { OutputStream } from "./style.js";

const frameMs = 100;

export class MovingPart {
  readonly #stream: OutputStream;
  readonly #draw: () => readonly string[];
  #drawnLines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param draw gives the lines as they are now, none wider than the terminal */
  constructor(stream: OutputStream, draw: () => readonly string[]) {
    this.#stream = stream;
    this.#draw = draw;
  }

  start(): void {
    this.#stream.write("\u001b[?25l");
    this.#timer = setInterval(() => this.redraw(""), frameMs);
    this.#timer.unref();
  }

  /** Puts text above it, where it stays. */
  redraw(above: string): void {
    if (this.#timer === undefined) {
      this.#stream.write(above);
      return;
    }
    const cleared = this.#clear();
    const lines = this.#draw();
    this.#drawnLines = lines.length;
    // Begin and end of a synchronised update: a terminal that knows it does not flicker.
    this.#stream.write(`\u001b[?2026h${cleared}${above}${lines.join("\n")}\n\u001b[?2026l`);
  }

  /** Clears it, or leaves it as it is now, and gives the cursor back. Idempotent. */
  stop(leave: boolean): void {
    if (this.#timer === undefined) return;
    if (leave) this.redraw("");
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stream.write(`${leave ? "" : this.#clear()}\u001b[?25h`);
  }

  #clear(): string {
    const text = this.#drawnLines === 0 ? "" : `\u001b[${this.#drawnLines}A\r\u001b[J`;
    this.#drawnLines = 0;
    return text;
  }
}

/** Cuts a line to so many columns, colours not counted; one column for each character. */
export function cutToWidth(line: string, columns: number): string {
  let width = 0;
  let text = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes are our own colours
  for (const [piece] of line.matchAll(/\u001b\[\d+m|./gsu)) {
    if (piece.startsWith("\u001b")) text += piece;
    else if (++width <= columns) text += piece;
  }
  return text;
}
