/** Tells an attempt's listener what its worker answered. */
import { assertNever, fromErrorData } from "../../../model/error.js";
import type { AttemptFailure } from "../../../port/runner.js";
import type { Answer } from "../messages.js";
import { decodeValue, type EncodedValue } from "../value-codec.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";

export function takeAnswer(attempt: CoordinatedAttempt, answer: Answer, host: string): void {
  const { listener } = attempt;
  switch (answer.is) {
    case "started":
      if (attempt.startedTold) return;
      attempt.startedTold = true;
      listener.started(answer.worker);
      listener.noted({ host });
      return;
    case "progress":
      listener.progress(valueIn(answer.value));
      return;
    case "log":
      listener.log(answer.stream, answer.text);
      return;
    case "noted":
      listener.noted(answer.facts);
      return;
    case "succeeded":
      attempt.end((told) => told.succeeded(valueIn(answer.value), answer.usage));
      return;
    case "failed":
      attempt.end((told) => told.failed(failureOf(answer)));
      return;
    case "lost":
      attempt.end((told) => told.lost(fromErrorData(answer.error)));
      return;
    case "stopped":
    case "returned":
      attempt.end((told) => told.stopped());
      return;
    default:
      assertNever(answer);
  }
}

function failureOf(answer: Answer & { is: "failed" }): AttemptFailure {
  const { error, reason, retryable, usage } = answer;
  return {
    error: fromErrorData(error),
    reason,
    ...(retryable === undefined ? undefined : { retryable }),
    ...(usage === undefined ? undefined : { usage }),
  };
}

/** A reference stays what it is: the value is where tasks that take it can fetch it. */
function valueIn(encoded: EncodedValue): unknown {
  return "r" in encoded ? encoded.r : decodeValue(encoded);
}
