/** What a task asks for beyond its dependencies, as numbers. Tasks that ask for the same share one policy. */

export const Trigger = { allSucceeded: 0, allDone: 1, anyFailed: 2 } as const;
export type Trigger = (typeof Trigger)[keyof typeof Trigger];

export interface Policy {
  /** Attempts in all, from 1. */
  readonly maxAttempts: number;
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: boolean;
  /** Limit of one attempt; Infinity for none. */
  readonly timeoutMs: number;
  /** Limit of the whole task from its first start; Infinity for none. */
  readonly totalTimeoutMs: number;
  readonly trigger: Trigger;
  /** Whether the shell is to be asked (`decide`) before the task becomes ready. */
  readonly conditional: boolean;
  /** Whether the attempt's clock starts with an `attempt-started` event instead of at once. */
  readonly reportsStart: boolean;
}

export const plainPolicy: Policy = {
  maxAttempts: 1,
  delayMs: 1000,
  factor: 2,
  maxDelayMs: 60_000,
  jitter: true,
  timeoutMs: Number.POSITIVE_INFINITY,
  totalTimeoutMs: Number.POSITIVE_INFINITY,
  trigger: Trigger.allSucceeded,
  conditional: false,
  reportsStart: false,
};

/**
 * Milliseconds to wait after the failure numbered `failures` (from 1): exponential backoff under a ceiling with full
 * jitter (Marc Brooker, "Exponential Backoff and Jitter", 2015). `random` is from 0 to 1 and comes with the event, so
 * that the same history gives the same delays.
 */
export function retryDelayMs(policy: Policy, failures: number, random: number): number {
  const delay = Math.min(policy.maxDelayMs, policy.delayMs * policy.factor ** (failures - 1));
  return policy.jitter ? delay * random : delay;
}
