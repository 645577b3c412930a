import type { Clock } from "../../port/clock.js";

/** As `work`, or a rejection with `makeError()` where it takes longer. What it does later is for the caller to deal with. */
export function withTimeLimit<Value>(
  work: PromiseLike<Value>,
  limitMs: number,
  clock: Clock,
  makeError: () => Error,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(limitMs, () => reject(makeError()));
    const settled = <Argument>(settle: (argument: Argument) => void) => {
      return (argument: Argument): void => {
        cancel();
        settle(argument);
      };
    };
    work.then(settled(resolve), settled(reject));
  });
}
