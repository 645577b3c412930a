/** Turns attempts into what messages say of them: module names instead of files, references instead of large values. */
import { OrchestratorError } from "../../../model/error.js";
import type { AttemptRequest } from "../../../port/runner.js";
import type { DataReference } from "../data/reference.js";
import type { DataStore } from "../data/store.js";
import type { WorkMessage } from "../messages.js";
import type { ModuleNames } from "../modules.js";
import { type EncodedValue, encodeValue } from "../value-codec.js";

export interface EncodedAttempt {
  readonly work: WorkMessage;
  /** Equal for equal work, so that a parcel says it once. */
  readonly workKey: string;
  readonly inputs: Readonly<Record<string, EncodedValue>> | undefined;
  /** About the characters of it all. */
  readonly size: number;
}

export interface EncoderParts {
  readonly modules: ModuleNames;
  readonly data: DataStore | undefined;
  readonly inlineLimitBytes: number;
}

export class AttemptEncoder {
  readonly #parts: EncoderParts;
  /** What was put into the store already, so that an input of many tasks is stored once. */
  readonly #stored = new WeakMap<object, Promise<DataReference>>();

  constructor(parts: EncoderParts) {
    this.#parts = parts;
  }

  /** Throws, or rejects, where something cannot be serialised or is too large. */
  encode(request: AttemptRequest): EncodedAttempt | Promise<EncodedAttempt> {
    const { work, workKey } = this.#work(request);
    let waits = false;
    let size = 300;
    const inputs: Record<string, EncodedValue | Promise<EncodedValue>> = {};
    for (const name of Object.keys(request.inputs)) {
      const encoded = this.#input(name, request.inputs[name]);
      waits ||= encoded instanceof Promise;
      inputs[name] = encoded;
      size += encoded instanceof Promise ? 300 : sizeOf(encoded);
    }
    if (!waits) {
      const ready = inputs as Record<string, EncodedValue>;
      return { work, workKey, inputs: Object.keys(ready).length === 0 ? undefined : ready, size };
    }
    return this.#whenStored(inputs).then((stored) => ({ work, workKey, inputs: stored, size }));
  }

  #work({ work }: AttemptRequest): { work: WorkMessage; workKey: string } {
    if (work.kind === "thread" || work.kind === "process") {
      const { name, version } = this.#parts.modules.of(work.module);
      const { kind, exportName } = work;
      return { work: { kind, module: name, version, exportName }, workKey: `${kind} ${name}@${version} ${exportName}` };
    }
    // A call that tasks share is made in this process, and never comes here.
    if (work.kind === "batch") throw new OrchestratorError("INTERNAL", "batches do not travel");
    const encoded = encodeValue(work, this.#parts.inlineLimitBytes);
    if (Buffer.isBuffer(encoded)) throw tooLarge(`the ${work.kind} itself`, encoded.length, this.#parts);
    return { work: { kind: work.kind, work: encoded }, workKey: JSON.stringify(encoded) };
  }

  #input(name: string, value: unknown): EncodedValue | Promise<EncodedValue> {
    const already = typeof value === "object" && value !== null ? this.#stored.get(value) : undefined;
    if (already !== undefined) return already.then((reference) => ({ r: reference }));
    const encoded = encodeValue(value, this.#parts.inlineLimitBytes);
    if (!Buffer.isBuffer(encoded)) return encoded;
    const { data } = this.#parts;
    if (data === undefined) throw tooLarge(`the input "${name}"`, encoded.length, this.#parts);
    const putting = data.put(encoded);
    if (typeof value === "object" && value !== null) {
      this.#stored.set(value, putting);
      putting.catch(() => this.#stored.delete(value));
    }
    return putting.then((reference) => ({ r: reference }));
  }

  async #whenStored(
    inputs: Record<string, EncodedValue | Promise<EncodedValue>>,
  ): Promise<Record<string, EncodedValue>> {
    const names = Object.keys(inputs);
    const values = await Promise.all(names.map((name) => inputs[name]!));
    return Object.fromEntries(names.map((name, place) => [name, values[place]!]));
  }
}

function tooLarge(what: string, bytes: number, { inlineLimitBytes }: EncoderParts): OrchestratorError {
  return new OrchestratorError(
    "NOT_SERIALISABLE",
    `${what} has ${bytes} bytes, more than the ${inlineLimitBytes} that travel in a message: ` +
      'give distributed() a store: data: { kind: "file", folder } or { kind: "s3", ... }',
    { failureReason: { kind: "not-serialisable" } },
  );
}

function sizeOf(encoded: EncodedValue): number {
  if ("v" in encoded) return encoded.v.length + 20;
  if ("r" in encoded) return 150;
  return typeof encoded.j === "object" || typeof encoded.j === "string" ? JSON.stringify(encoded.j).length + 20 : 30;
}
