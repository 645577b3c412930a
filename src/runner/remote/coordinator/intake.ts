/**
 * From answers to ends. An answer counts if its token is that of an attempt under way; the end of one that was given up is
 * fenced off and counted; what a predecessor's attempts answer is kept until the executor starts their tasks.
 */
import { type Answer, isEnd, purposeOf } from "../messages.js";
import { readAnswers } from "../read-message.js";
import { takeAnswer } from "./answers.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun } from "./coordinated-run.js";
import type { Homes } from "./homes.js";
import type { Sender } from "./sender.js";
import type { SharedState } from "./shared-state.js";

export class Intake {
  readonly #state: SharedState;
  readonly #sender: Sender;
  readonly #homes: Homes;

  constructor(state: SharedState, sender: Sender, homes: Homes) {
    this.#state = state;
    this.#sender = sender;
    this.#homes = homes;
  }

  /** A sealed message of answers. */
  open(run: CoordinatedRun, sealed: string): void {
    try {
      const text = this.#state.parts.envelope.open(purposeOf.answers(run.id), sealed);
      const { worker, host, answers } = readAnswers(text);
      for (const answer of answers) this.#take(run, answer, worker, host);
    } catch (error) {
      this.#state.refused(error as Error);
    }
    this.#sender.askFlush();
  }

  /** Takes up what a predecessor had submitted of the same task; false where there is nothing. */
  adopt(attempt: CoordinatedAttempt): boolean {
    const { run } = attempt;
    const left = run.takeLeft(attempt.request.taskId);
    if (left === undefined) return false;
    attempt.adopted = true;
    attempt.queue = left.queue;
    attempt.token = left.token;
    attempt.parcelId = left.parcelId;
    run.tokens.set(left.token, attempt);
    this.#state.parts.counts.adopted++;
    for (const answer of left.answers) this.#take(run, answer, attempt.workerId ?? "", "");
    return true;
  }

  #take(run: CoordinatedRun, answer: Answer, worker: string, host: string): void {
    const attempt = run.tokens.get(answer.token);
    if (attempt === undefined) {
      if (run.keep(answer) || !isEnd(answer) || !run.isFenced(answer.token)) return;
      if (answer.is === "succeeded" || answer.is === "failed") this.#state.count("fenced");
      return;
    }
    if (!isEnd(answer)) {
      if (answer.is === "started") this.#begun(attempt, worker, host);
      takeAnswer(attempt, answer, host);
      return;
    }
    if (answer.began !== undefined)
      this.#take(run, { is: "started", token: answer.token, worker: answer.began }, worker, host);
    const { placement, sizes } = this.#state;
    if (answer.is === "succeeded" || answer.is === "failed") sizes.learn(attempt.name, answer.ms);
    if (answer.is === "succeeded" && "r" in answer.value) placement.holds(host, [answer.value.r]);
    this.#state.release(attempt);
    if (attempt.aborted === undefined && answer.is === "returned") this.#returned(attempt, answer);
    // Nobody asked here that it be stopped: an earlier coordinator had, or its worker gave it up.
    else if (attempt.aborted === undefined && answer.is === "stopped") this.#sender.resend(attempt);
    else takeAnswer(attempt, answer, host);
  }

  #begun(attempt: CoordinatedAttempt, worker: string, host: string): void {
    attempt.workerId = worker;
    if (host !== "") this.#state.placement.holds(host, Object.values(attempt.request.inputs));
  }

  #returned(attempt: CoordinatedAttempt, answer: Answer & { is: "returned" }): void {
    attempt.returned = answer.detail;
    if (answer.because === "draining") this.#sender.resend(attempt);
    else this.#homes.seek(attempt);
  }
}
