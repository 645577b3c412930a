/** One attempt on a worker: from its message to its last answer. */
import { performance } from "node:perf_hooks";
import { OrchestratorError, toErrorData } from "../../../model/error.js";
import type { AttemptFacts, ResourceUsage } from "../../../model/result.js";
import type { DescribedWork, Inputs } from "../../../model/work.js";
import type { AttemptControl, AttemptFailure, AttemptListener, AttemptRequest, Runner } from "../../../port/runner.js";
import type { AnswerAddress } from "../../../port/transport.js";
import type { DataStore } from "../data/store.js";
import type { Answer, AttemptMessage, ReturnReason } from "../messages.js";
import { decodeValue, type EncodedValue, encodeValue } from "../value-codec.js";
import type { Demand, WorkerAdmission } from "./admission.js";

/** Longest line of a log; the rest of it is left out. */
const longestLog = 65_536;
/** Seconds beyond its limit after which a worker stops an attempt that its coordinator did not stop. */
const timeoutGraceMs = 10_000;

export interface AttemptHost {
  readonly workerId: string;
  readonly admission: WorkerAdmission;
  readonly data: DataStore | undefined;
  readonly inlineLimitBytes: number;
  runner(kind: DescribedWork["kind"]): Runner | Promise<Runner>;
  answer(to: AnswerAddress, answer: Answer): void;
  ended(attempt: RemoteAttempt): void;
}

export interface RemoteAttemptParts {
  /** Whoever wants it. */
  readonly from: AnswerAddress;
  readonly message: AttemptMessage;
  readonly work: DescribedWork;
  readonly parcelId: string;
}

export class RemoteAttempt implements AttemptListener {
  readonly from: AnswerAddress;
  readonly message: AttemptMessage;
  readonly parcelId: string;
  readonly #host: AttemptHost;
  readonly #work: DescribedWork;
  readonly #demand: Demand;
  readonly #ended: () => void;
  #withdraw: (() => boolean) | undefined;
  #control: AttemptControl | undefined;
  #abortReason: Error | undefined;
  /** Handed back instead of stopped, where it ends by an abort. */
  #returning: string | undefined;
  #holding = false;
  #over = false;
  #startedAt = 0;
  #deadline: NodeJS.Timeout | undefined;

  constructor(host: AttemptHost, parts: RemoteAttemptParts, ended: () => void) {
    this.#host = host;
    this.from = parts.from;
    this.message = parts.message;
    this.parcelId = parts.parcelId;
    this.#work = parts.work;
    this.#ended = ended;
    const { cpuCores = 0, memoryBytes = 0, resources = {} } = parts.message;
    this.#demand = { cpuCores, memoryBytes, resources };
  }

  get runId(): string {
    return this.from.runId;
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  begin(): void {
    const beyond = this.#host.admission.beyond(this.#demand);
    if (beyond === undefined) this.#withdraw = this.#host.admission.request(this.#demand, () => void this.#start());
    else this.returned("capacity", `it asks for ${beyond}`);
  }

  /** Ends the attempt as its coordinator wishes, or because nobody waits for it any more. */
  abort(reason: Error): void {
    if (this.#over || this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    if (this.#withdraw?.() === true) this.stopped();
    else this.#control?.abort(reason);
  }

  /** Hands the attempt back: at once where it has not begun, by force where it has. */
  giveBack(detail: string, force: boolean): void {
    if (this.#over) return;
    if (this.#withdraw?.() === true) this.returned("draining", detail);
    else if (force) {
      this.#returning = detail;
      this.abort(new OrchestratorError("TASK_CANCELLED", detail));
    }
  }

  async #start(): Promise<void> {
    this.#holding = true;
    try {
      const inputs = this.#inputs();
      const runner = this.#host.runner(this.#work.kind);
      // Both are there already on the way of a warm and small attempt, which then costs no turn.
      const resolved = inputs instanceof Promise ? await inputs : inputs;
      const loaded = runner instanceof Promise ? await runner : runner;
      if (this.#over) return;
      if (this.#abortReason !== undefined) {
        this.stopped();
        return;
      }
      this.#control = loaded.start(this.#request(resolved), this);
    } catch (thrown) {
      const error = thrown as Error;
      this.failed({ error, reason: { kind: "error" } });
    }
  }

  #request(inputs: Inputs): AttemptRequest {
    const { task, name, attempt, timeoutMs, memoryBytes, cpuCores, trace } = this.message;
    return {
      runId: this.runId,
      taskId: task,
      name,
      attempt,
      work: this.#work,
      inputs,
      timeoutMs,
      memoryBytes,
      cpuCores,
      trace,
    };
  }

  #inputs(): Inputs | Promise<Inputs> {
    const { inputs } = this.message;
    if (inputs === undefined) return {};
    const entries = Object.entries(inputs);
    if (entries.some(([, value]) => "r" in value)) return this.#loadInputs(entries);
    return Object.fromEntries(entries.map(([name, value]) => [name, decodeValue(value as { j: unknown })]));
  }

  async #loadInputs(entries: readonly [string, EncodedValue][]): Promise<Inputs> {
    const values = await Promise.all(
      entries.map(async ([name, value]) => {
        if (!("r" in value)) return [name, decodeValue(value)] as const;
        if (this.#host.data === undefined) {
          throw new OrchestratorError(
            "NOT_SERIALISABLE",
            `the input "${name}" is in a store, and this worker has none: start it with --data`,
          );
        }
        return [name, await this.#host.data.load(value.r)] as const;
      }),
    );
    return Object.fromEntries(values);
  }

  // What the runner tells.

  started(workerId: string): void {
    if (this.#over || this.#startedAt > 0) return;
    this.#startedAt = performance.timeOrigin + performance.now();
    this.#answer({ is: "started", token: this.message.token, worker: `${this.#host.workerId}/${workerId}` });
    const { timeoutMs } = this.message;
    if (timeoutMs === undefined) return;
    const limit = Math.min(2 ** 31 - 1, timeoutMs + timeoutGraceMs);
    this.#deadline = setTimeout(
      () => this.abort(new OrchestratorError("TASK_TIMEOUT", "the attempt is over time")),
      limit,
    );
    this.#deadline.unref();
  }

  progress(value: unknown): void {
    if (this.#over) return;
    const encoded = encodeValue(value, this.#host.inlineLimitBytes);
    if (!Buffer.isBuffer(encoded)) this.#answer({ is: "progress", token: this.message.token, value: encoded });
  }

  log(stream: "stdout" | "stderr" | "log", text: string): void {
    if (this.#over) return;
    this.#answer({ is: "log", token: this.message.token, stream, text: text.slice(0, longestLog) });
  }

  noted(facts: AttemptFacts): void {
    if (this.#over) return;
    this.#answer({ is: "noted", token: this.message.token, facts });
  }

  succeeded(output: unknown, usage?: ResourceUsage): void {
    if (this.#over) return;
    let encoded: EncodedValue | Buffer;
    try {
      encoded = encodeValue(output, this.#host.inlineLimitBytes);
    } catch (thrown) {
      const error = new OrchestratorError("NOT_SERIALISABLE", "the task's output cannot leave its worker", {
        cause: thrown,
      });
      this.failed({ error, reason: { kind: "not-serialisable" }, retryable: false });
      return;
    }
    if (Buffer.isBuffer(encoded)) void this.#store(encoded, usage);
    else this.#succeededWith(encoded, usage);
  }

  failed({ error, reason, retryable, usage }: AttemptFailure): void {
    this.#end({
      is: "failed",
      token: this.message.token,
      error: toErrorData(error),
      reason,
      ms: this.#ranMs(),
      retryable,
      usage,
    });
  }

  lost(error: Error): void {
    this.#end({ is: "lost", token: this.message.token, error: toErrorData(error) });
  }

  stopped(usage?: ResourceUsage): void {
    if (this.#returning !== undefined) this.returned("draining", this.#returning);
    else this.#end({ is: "stopped", token: this.message.token, usage });
  }

  returned(because: ReturnReason, detail: string): void {
    this.#end({ is: "returned", token: this.message.token, because, detail });
  }

  async #store(bytes: Buffer, usage: ResourceUsage | undefined): Promise<void> {
    const { data, inlineLimitBytes } = this.#host;
    if (data === undefined) {
      const error = new OrchestratorError(
        "OUTPUT_LIMIT",
        `the output has ${bytes.length} bytes, more than the ${inlineLimitBytes} that travel in a message, ` +
          "and this worker has no store: start it with --data",
      );
      this.failed({ error, reason: { kind: "output-limit", limitBytes: inlineLimitBytes }, retryable: false });
      return;
    }
    try {
      this.#succeededWith({ r: await data.put(bytes) }, usage);
    } catch (thrown) {
      this.failed({ error: thrown as Error, reason: { kind: "error" } });
    }
  }

  #succeededWith(value: EncodedValue, usage: ResourceUsage | undefined): void {
    // What is undefined here does not travel.
    this.#end({ is: "succeeded", token: this.message.token, value, ms: this.#ranMs(), usage });
  }

  #ranMs(): number {
    return this.#startedAt === 0 ? 0 : performance.timeOrigin + performance.now() - this.#startedAt;
  }

  #end(answer: Answer): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#answer(answer);
    if (this.#holding) this.#host.admission.release(this.#demand);
    this.#host.ended(this);
    this.#ended();
  }

  #answer(answer: Answer): void {
    this.#host.answer(this.from, answer);
  }
}
