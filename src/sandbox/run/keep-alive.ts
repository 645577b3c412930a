/** What is made ahead does not keep a program running; what somebody waits for does. */

const longestTimerMs = 2 ** 31 - 1;

/** Runs `work` with the event loop kept running until it has ended. */
export async function keepAliveDuring<Value>(work: () => Promise<Value>): Promise<Value> {
  const timer = setInterval(() => {}, longestTimerMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
