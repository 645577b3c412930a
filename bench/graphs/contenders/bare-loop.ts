/**
 * The limit: Kahn's loop on typed arrays, integer ids, no timestamps, no errors, no features. It still calls the
 * asynchronous function of every task and awaits it, twenty at a time.
 */
import { CONCURRENCY, type Contender } from "../contender.js";
import { noop, type Shape } from "../shape.js";

export const contender: Contender = {
  takes: "integers",
  async run(shape) {
    const outputs = await runAll(shape);
    return {
      verify() {
        for (let task = 0; task < shape.size; task++)
          if (outputs[task] !== 1) throw new Error(`task ${task} did not run`);
      },
    };
  },
};

async function runAll({ size, offsets, dependencies }: Shape): Promise<number[]> {
  const waiting = new Int32Array(size);
  const dependentOffsets = new Int32Array(size + 1);
  for (const dependency of dependencies) dependentOffsets[dependency + 1]!++;
  for (let task = 0; task < size; task++) dependentOffsets[task + 1]! += dependentOffsets[task]!;
  const cursor = dependentOffsets.slice();
  const dependents = new Int32Array(dependencies.length);
  const ready = new Int32Array(size);
  let readyEnd = 0;
  for (let task = 0; task < size; task++) {
    const first = offsets[task]!;
    const last = offsets[task + 1]!;
    waiting[task] = last - first;
    if (first === last) ready[readyEnd++] = task;
    for (let edge = first; edge < last; edge++) dependents[cursor[dependencies[edge]!]!++] = task;
  }

  const outputs = new Array<number>(size).fill(0);
  let readyStart = 0;
  let idle: (() => void)[] = [];
  let ended = 0;

  async function lane(): Promise<void> {
    while (ended < size) {
      if (readyStart === readyEnd) {
        await new Promise<void>((resolve) => idle.push(resolve));
        continue;
      }
      const task = ready[readyStart++]!;
      outputs[task] = await noop();
      ended++;
      const last = dependentOffsets[task + 1]!;
      for (let edge = dependentOffsets[task]!; edge < last; edge++) {
        const dependent = dependents[edge]!;
        if (--waiting[dependent]! === 0) ready[readyEnd++] = dependent;
      }
      if (idle.length > 0 && (readyStart < readyEnd || ended === size)) {
        const woken = idle;
        idle = [];
        for (const wake of woken) wake();
      }
    }
  }

  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return outputs;
}
