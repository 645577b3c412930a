/**
 * Sends answers to coordinators, in order for each run. One message is under way at a time for a run; what comes meanwhile
 * travels together in the next. So a single answer leaves at once, and many cost little each.
 */
import type { WorkerTransport } from "../../../port/transport.js";
import type { Envelope } from "../envelope.js";
import { type Answer, type AnswersMessage, protocolVersion, purposeOf } from "../messages.js";

/** While much runs here, answers of so many milliseconds travel together. */
const gatherMs = 2;
/** Answers beyond so many go into a message of their own. */
const largestMessage = 1000;

export interface AnswersParts {
  readonly transport: Pick<WorkerTransport, "answer">;
  readonly envelope: Envelope;
  readonly workerId: string;
  readonly host: string;
  readonly maxMessageBytes: number;
  readonly onTrouble: (error: Error) => void;
  /** Whether more is to be told soon. */
  readonly busy: () => boolean;
  /** Nobody coordinates the run any more. */
  readonly onNobody: (runId: string, answers: readonly Answer[]) => void;
}

class Outbox {
  answers: Answer[] = [];
  sending = false;
  readonly idle: (() => void)[] = [];
}

export class Answers {
  readonly #parts: AnswersParts;
  readonly #outboxes = new Map<string, Outbox>();

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  push(runId: string, answer: Answer): void {
    let outbox = this.#outboxes.get(runId);
    if (outbox === undefined) {
      outbox = new Outbox();
      this.#outboxes.set(runId, outbox);
    }
    outbox.answers.push(answer);
    if (outbox.sending) return;
    outbox.sending = true;
    // What is told in the same turn, such as start and end of a short attempt, travels together.
    const send = (): void => void this.#send(runId, outbox);
    if (this.#parts.busy()) setTimeout(send, gatherMs);
    else setImmediate(send);
  }

  /** Resolves when all that was told for the run before has left. */
  flushed(runId: string): Promise<void> {
    const outbox = this.#outboxes.get(runId);
    if (outbox === undefined) return Promise.resolve();
    return new Promise((resolve) => outbox.idle.push(resolve));
  }

  async #send(runId: string, outbox: Outbox): Promise<void> {
    while (outbox.answers.length > 0) {
      const idle = outbox.idle.splice(0);
      const answers = outbox.answers.splice(0);
      for (const part of this.#split(answers)) await this.#sendOne(runId, part);
      for (const resolve of idle) resolve();
    }
    for (const resolve of outbox.idle.splice(0)) resolve();
    outbox.sending = false;
    this.#outboxes.delete(runId);
  }

  #split(answers: readonly Answer[]): readonly (readonly Answer[])[] {
    const parts: Answer[][] = [];
    let bytes = 0;
    for (const answer of answers) {
      const size = sizeOf(answer);
      const part = parts.at(-1);
      if (part === undefined || part.length >= largestMessage || bytes + size > this.#parts.maxMessageBytes / 2) {
        parts.push([answer]);
        bytes = size;
      } else {
        part.push(answer);
        bytes += size;
      }
    }
    return parts;
  }

  async #sendOne(runId: string, answers: readonly Answer[]): Promise<void> {
    const { envelope, transport, workerId, host } = this.#parts;
    const message: AnswersMessage = { version: protocolVersion, worker: workerId, host, answers: [...answers] };
    try {
      const sealed = envelope.seal(purposeOf.answers(runId), JSON.stringify(message));
      if (!(await transport.answer(runId, sealed))) this.#parts.onNobody(runId, answers);
    } catch (error) {
      // The attempts of these answers are taken for lost when their parcel is gone.
      this.#parts.onTrouble(error as Error);
    }
  }
}

/** About the bytes of an answer; those without a value are small. */
function sizeOf(answer: Answer): number {
  if (answer.is === "log") return answer.text.length + 100;
  if (answer.is !== "succeeded" && answer.is !== "progress") return 500;
  const { value } = answer;
  if ("v" in value) return value.v.length + 100;
  if ("r" in value) return 300;
  return typeof value.j === "object" || typeof value.j === "string" ? JSON.stringify(value.j).length + 100 : 100;
}
