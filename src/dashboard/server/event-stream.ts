/**
 * Server-sent events to one page. Nothing is queued: when the connection is still busy with what was written before, the
 * next delta is made later, and holds more.
 */
import type { ServerResponse } from "node:http";
import type { RunList } from "../protocol.js";
import type { RunFeed } from "./feed.js";

/** A comment now and then, so that both ends find out that the other one is gone. */
const silenceMs = 15_000;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #feed: RunFeed | undefined;
  readonly #epoch: string;
  #busy = false;
  #closed = false;
  #lastWrite = 0;
  #runsVersion = -1;

  constructor(response: ServerResponse, feed: RunFeed | undefined, epoch: string) {
    this.#response = response;
    this.#feed = feed;
    this.#epoch = epoch;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.on("close", () => {
      this.#closed = true;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Writes what is new, unless the page is still busy with what came before. */
  async tick(now: number, runs: { readonly version: number; list(): RunList }): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    try {
      if (runs.version !== this.#runsVersion) {
        this.#runsVersion = runs.version;
        await this.#write(`event: runs\ndata: ${JSON.stringify(runs.list())}\n\n`);
      }
      for (const delta of this.#feed?.read(now) ?? []) {
        const id = delta.partial === true ? "" : `id: ${this.#epoch}.${delta.sequence}\n`;
        await this.#write(`${id}event: delta\ndata: ${JSON.stringify(delta)}\n\n`);
        if (this.#closed) return;
      }
      if (now - this.#lastWrite > silenceMs) await this.#write(": still here\n\n");
    } finally {
      this.#busy = false;
    }
  }

  close(): void {
    this.#response.end();
  }

  async #write(text: string): Promise<void> {
    if (this.#closed) return;
    this.#lastWrite = Date.now();
    if (this.#response.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#response.off("drain", done);
        this.#response.off("close", done);
        resolve();
      };
      this.#response.on("drain", done);
      this.#response.on("close", done);
    });
  }
}

/** The sequence that a page has seen, of the `Last-Event-ID` that it sends; -1 where that is another server's, or none. */
export function resumeFrom(lastEventId: string | undefined, epoch: string): number {
  const [givenEpoch, sequence] = (lastEventId ?? "").split(".");
  const number = Number(sequence);
  return givenEpoch === epoch && Number.isSafeInteger(number) && number >= 0 ? number : -1;
}
