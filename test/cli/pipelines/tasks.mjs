// Functions that the command line's tests run.
import { appendFileSync, existsSync } from "node:fs";

export const echo = (inputs) => inputs;
export const log = (_inputs, context) => {
  context.log("a line from the task");
  return 1;
};
export const fail = () => {
  throw new TypeError("the rows are not what they seem", { cause: new Error("column 3 is missing") });
};
export const failOnce = (_inputs, context) => {
  if (context.attempt === 1) throw new Error("not yet");
  return context.attempt;
};
/** Tells by a line in a file that it runs, then waits until it is cancelled. */
export const wait = ({ marker }, context) =>
  new Promise((_resolve, reject) => {
    appendFileSync(marker, "running\n");
    const alive = setInterval(() => undefined, 1000);
    context.signal.addEventListener("abort", () => {
      clearInterval(alive);
      appendFileSync(marker, "stopped\n");
      reject(context.signal.reason);
    });
  });
/** Cannot be stopped. */
export const stuck = ({ marker }) =>
  new Promise(() => {
    setInterval(() => undefined, 1000);
    appendFileSync(marker, "running\n");
  });
/** Ends when a file appears. */
export const hold = async ({ until }, context) => {
  context.progress(0.25);
  while (!existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10));
  return "released";
};
