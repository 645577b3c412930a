/**
 * Sends answers to coordinators, in order for each run. The end of a single attempt leaves at once, together with its
 * beginning; where much goes on, answers of a few milliseconds travel together, so that each costs little. Much goes on
 * where more attempts are here than can run, and where several have ended in one turn while others run: what ends so
 * soon after its beginning is short, and the others are as a rule of the same kind.
 */
import type { AnswerAddress, WorkerTransport } from "../../../port/transport.js";
import type { Envelope } from "../envelope.js";
import { type Answer, type AnswersMessage, isEnd, protocolVersion, purposeOf } from "../messages.js";

/** What nobody waits for, and ends while much runs here, waits so long for company. */
const gatherMs = 2;
const mostUnderWay = 4;
/** Answers beyond so many go into a message of their own. */
const largestMessage = 1000;

export interface AnswersParts {
  readonly transport: Pick<WorkerTransport, "answer">;
  readonly envelope: Envelope;
  readonly workerId: string;
  readonly host: string;
  readonly maxMessageBytes: number;
  readonly onTrouble: (error: Error) => void;
  /** Attempts that have not ended. */
  readonly running: () => number;
  /** With more of them, others begin as soon as one ends. */
  readonly slots: number;
  /** Nobody coordinates the run any more. */
  readonly onNobody: (answers: readonly Answer[]) => void;
}

class Outbox {
  readonly to: AnswerAddress;
  answers: Answer[] = [];
  /** Where in `answers` lies the beginning of an attempt of which nothing else has been told, by token. */
  readonly beginnings = new Map<number, number>();
  /** Messages that have not arrived yet. */
  underWay = 0;
  timer: NodeJS.Timeout | undefined;
  asked = false;
  readonly idle: (() => void)[] = [];

  constructor(to: AnswerAddress) {
    this.to = to;
  }
}

export class Answers {
  readonly #parts: AnswersParts;
  readonly #outboxes = new Map<string, Outbox>();

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  push(to: AnswerAddress, answer: Answer): void {
    const key = keyOf(to);
    let outbox = this.#outboxes.get(key);
    if (outbox === undefined) {
      outbox = new Outbox(to);
      this.#outboxes.set(key, outbox);
    }
    add(outbox, answer);
    this.#askSend(outbox, isEnd(answer) && this.#parts.running() <= this.#parts.slots);
  }

  /** Resolves when all that was told for the run before has arrived. */
  flushed(to: AnswerAddress): Promise<void> {
    const outbox = this.#outboxes.get(keyOf(to));
    if (outbox === undefined) return Promise.resolve();
    return new Promise((resolve) => outbox.idle.push(resolve));
  }

  /** Sends soon; an end that somebody waits for at once, with whatever else the same turn tells. */
  #askSend(outbox: Outbox, urgent: boolean): void {
    if (outbox.underWay >= mostUnderWay || outbox.asked) return;
    if (!urgent) {
      this.#sendSoon(outbox);
      return;
    }
    outbox.asked = true;
    queueMicrotask(() => {
      outbox.asked = false;
      if (outbox.answers.length > 1 && this.#parts.running() > 0) this.#sendSoon(outbox);
      else void this.#send(outbox);
    });
  }

  #sendSoon(outbox: Outbox): void {
    outbox.timer ??= setTimeout(() => void this.#send(outbox), gatherMs);
  }

  /** Messages of a run leave in order, by one connection, and none waits for the one before to have arrived. */
  async #send(outbox: Outbox): Promise<void> {
    clearTimeout(outbox.timer);
    outbox.timer = undefined;
    const idle = outbox.idle.splice(0);
    outbox.beginnings.clear();
    const parts = this.#split(outbox.answers.splice(0));
    outbox.underWay++;
    await Promise.all(parts.map((part) => this.#sendOne(outbox.to, part)));
    outbox.underWay--;
    for (const resolve of idle) resolve();
    if (outbox.answers.length > 0) {
      this.#askSend(outbox, true);
    } else if (outbox.underWay === 0) {
      for (const resolve of outbox.idle.splice(0)) resolve();
      this.#outboxes.delete(keyOf(outbox.to));
    }
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

  async #sendOne(to: AnswerAddress, answers: readonly Answer[]): Promise<void> {
    const { envelope, transport, workerId, host } = this.#parts;
    const message: AnswersMessage = { version: protocolVersion, worker: workerId, host, answers: [...answers] };
    try {
      const sealed = envelope.seal(purposeOf.answers(to.runId), JSON.stringify(message));
      if (!(await transport.answer(to, sealed))) this.#parts.onNobody(answers);
    } catch (error) {
      // The attempts of these answers are taken for lost when their parcel is gone.
      this.#parts.onTrouble(error as Error);
    }
  }
}

function keyOf({ runId, inbox }: AnswerAddress): string {
  return inbox === undefined ? runId : `${inbox} ${runId}`;
}

/**
 * Adds an answer; the end of an attempt whose beginning has not left yet takes its place, and tells it too. Told by the
 * same object: a copy would cost as much as the rest of an answer.
 */
function add({ answers, beginnings }: Outbox, answer: Answer): void {
  const { token } = answer;
  if (answer.is === "started") {
    beginnings.set(token, answers.push(answer) - 1);
    return;
  }
  const place = beginnings.get(token);
  if (place !== undefined) beginnings.delete(token);
  const beginning = place === undefined ? undefined : answers[place];
  if (isEnd(answer) && beginning?.is === "started") {
    answer.began = beginning.worker;
    answers[place!] = answer;
  } else answers.push(answer);
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
