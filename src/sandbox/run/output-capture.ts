/** Keeps what a run prints, up to a limit for both streams together, and hands each chunk on as it comes. */
import type { Readable } from "node:stream";

export interface OutputListeners {
  readonly onStdout: ((chunk: Uint8Array) => void) | undefined;
  readonly onStderr: ((chunk: Uint8Array) => void) | undefined;
  /** More was printed than the limit; called once. */
  readonly onLimit: () => void;
  /** One of the caller's own listeners threw; called once. */
  readonly onThrow: (error: unknown) => void;
}

export class OutputCapture {
  truncated = false;
  /** Resolves when both streams have ended. */
  readonly ended: Promise<unknown>;
  readonly #chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  readonly #listeners: OutputListeners;
  readonly #detach: (() => void)[] = [];
  #left: number;
  #threw = false;

  constructor(streams: { stdout: Readable; stderr: Readable }, limitBytes: number, listeners: OutputListeners) {
    this.#left = limitBytes;
    this.#listeners = listeners;
    this.ended = Promise.all([
      this.#follow("stdout", streams.stdout, listeners.onStdout),
      this.#follow("stderr", streams.stderr, listeners.onStderr),
    ]);
  }

  bytes(stream: "stdout" | "stderr"): Buffer {
    return Buffer.concat(this.#chunks[stream]);
  }

  /** Stops listening: what comes later is not part of the run. */
  detach(): void {
    for (const detach of this.#detach.splice(0)) detach();
  }

  #follow(name: "stdout" | "stderr", stream: Readable, listener: ((chunk: Uint8Array) => void) | undefined) {
    const onData = (chunk: Buffer) => this.#take(name, chunk, listener);
    stream.on("data", onData);
    this.#detach.push(() => stream.off("data", onData));
    if (stream.readableEnded || stream.destroyed) return Promise.resolve();
    return new Promise<void>((resolve) => {
      for (const event of ["end", "close", "error"]) stream.once(event, () => resolve());
    });
  }

  #take(name: "stdout" | "stderr", chunk: Buffer, listener: ((chunk: Uint8Array) => void) | undefined): void {
    if (this.truncated) return;
    const kept = chunk.length <= this.#left ? chunk : chunk.subarray(0, this.#left);
    this.#left -= kept.length;
    if (kept.length > 0) {
      this.#chunks[name].push(kept);
      this.#tell(listener, kept);
    }
    if (kept.length < chunk.length) {
      this.truncated = true;
      this.#listeners.onLimit();
    }
  }

  #tell(listener: ((chunk: Uint8Array) => void) | undefined, chunk: Buffer): void {
    if (listener === undefined || this.#threw) return;
    try {
      listener(chunk);
    } catch (error) {
      this.#threw = true;
      this.#listeners.onThrow(error);
    }
  }
}
