import type { BenchTask, Shape } from "./shape.js";

/**
 * Where the peers keep what this package keeps by itself: each task's output, and when it started and ended. Arrays by
 * index are the cheapest way that we know, so that the keeping hardly weighs on their figures.
 */
export class Ledger {
  readonly outputs: number[];
  readonly startedAt: Float64Array;
  readonly endedAt: Float64Array;

  constructor(size: number) {
    this.outputs = new Array<number>(size).fill(0);
    this.startedAt = new Float64Array(size);
    this.endedAt = new Float64Array(size);
  }

  async perform(index: number, task: BenchTask): Promise<void> {
    this.startedAt[index] = performance.now();
    this.outputs[index] = await task.run();
    this.endedAt[index] = performance.now();
  }

  /** Throws unless every task ran, each after all that it depends on. */
  verify(shape: Shape): void {
    for (let index = 0; index < shape.size; index++) {
      if (this.outputs[index] !== 1) throw new Error(`task ${index} did not run`);
      for (let edge = shape.offsets[index]!; edge < shape.offsets[index + 1]!; edge++) {
        const dependency = shape.dependencies[edge]!;
        if (this.endedAt[dependency]! > this.startedAt[index]!) {
          throw new Error(`task ${index} started before task ${dependency} had ended`);
        }
      }
    }
  }
}
