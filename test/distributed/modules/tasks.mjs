// Tasks of the tests' workers.
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export function nothing() {}

export function echo(inputs) {
  return inputs.value;
}

export function add({ a, b }) {
  return a + b;
}

export function pid() {
  return process.pid;
}

export function talk(_, { log, progress }) {
  for (let step = 0; step < 20; step++) {
    log(`line ${step}`);
    progress(step / 20);
  }
}

export function throwRange() {
  throw new RangeError("out of range", { cause: new TypeError("the cause") });
}

/** Notes that it began, then waits for a file, or until it is aborted. */
export async function hold({ note, until }, { signal, taskId, attempt }) {
  appendFileSync(note, `${taskId} ${attempt} ${process.pid}\n`);
  while (!existsSync(until)) {
    if (signal.aborted) {
      appendFileSync(note, `${taskId} aborted\n`);
      throw signal.reason;
    }
    await delay(20);
  }
  return `${taskId} done`;
}

export async function wait({ ms }) {
  await delay(ms);
  return ms;
}

export function large({ bytes }) {
  return new Uint8Array(bytes).fill(7);
}

export function lengthOf({ value }) {
  return value.length;
}

export async function waitAndNote({ ms, note }, { taskId, attempt }) {
  appendFileSync(note, `${taskId} ${attempt}\n`);
  await delay(ms);
  return taskId;
}

export async function workAndNote({ ms, note }, { taskId }) {
  await delay(ms);
  appendFileSync(note, `${taskId}\n`);
}

export function traced(_, { trace }) {
  return trace;
}
