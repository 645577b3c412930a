/** JSON messages, one on each line, over a stream whose other end is trusted. */
import type { Duplex } from "node:stream";

export class LineMessages<Incoming> {
  readonly #stream: Duplex;
  #pending = "";

  constructor(stream: Duplex, onMessage: (message: Incoming) => void) {
    this.#stream = stream;
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      const lines = (this.#pending + chunk).split("\n");
      this.#pending = lines.pop()!;
      for (const line of lines) onMessage(JSON.parse(line) as Incoming);
    });
    // The end of the other side is seen by the end of its process.
    stream.on("error", () => {});
  }

  send(message: object): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }
}
