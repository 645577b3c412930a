/**
 * A client of QEMU's machine protocol (QMP): one JSON object on a line, commands answered in order, events between them.
 * https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
import type { Readable, Writable } from "node:stream";
import { OrchestratorError } from "../../../../model/error.js";

/** QEMU's answers to what is asked here are short. */
const longestLine = 1 << 20;

interface Waiting {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class QmpClient {
  readonly #input: Writable;
  readonly #waiting: Waiting[] = [];
  #pending = "";
  #closed: Error | undefined;

  constructor(input: Writable, output: Readable) {
    this.#input = input;
    output.setEncoding("utf8");
    output.on("data", (text: string) => this.#take(text));
    output.once("close", () => this.#close("QEMU has closed its control connection"));
    output.once("end", () => this.#close("QEMU has closed its control connection"));
    input.on("error", () => {});
  }

  /** Sends a command and gives its answer. @throws OrchestratorError `SANDBOX_FAILURE` with what QEMU said. */
  execute<Answer = unknown>(command: string, commandArguments?: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ command, resolve: (value) => resolve(value as Answer), reject });
      const message = { execute: command, ...(commandArguments === undefined ? {} : { arguments: commandArguments }) };
      this.#input.write(`${JSON.stringify(message)}\n`);
    });
  }

  #take(text: string): void {
    const lines = (this.#pending + text).split("\n");
    this.#pending = lines.pop()!;
    if (this.#pending.length > longestLine) this.#close("QEMU sent an answer without an end");
    for (const line of lines) this.#hear(line);
  }

  #hear(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return; // Not of the protocol.
    }
    if ("return" in message) this.#waiting.shift()?.resolve(message.return);
    else if ("error" in message) {
      const waiting = this.#waiting.shift();
      const { desc } = message.error as { desc?: string };
      waiting?.reject(new OrchestratorError("SANDBOX_FAILURE", `QEMU refused ${waiting.command}: ${desc}`));
    }
  }

  #close(reason: string): void {
    this.#pending = "";
    this.#closed ??= new OrchestratorError("SANDBOX_FAILURE", reason);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#closed);
  }
}
