/** What the workers are asked to do, the same code for every pool. */

export interface SmallObject {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly position: { readonly x: number; readonly y: number };
}

export const workloads = {
  /** The round trip and nothing else. */
  noop: (value: number): number => value,
  /** A small object there and another one back. */
  object: (value: SmallObject): SmallObject => ({ ...value, id: value.id + 1 }),
  /** 5 ms of a busy thread. */
  cpu: (milliseconds: number): number => {
    const end = performance.now() + milliseconds;
    let turns = 0;
    while (performance.now() < end) turns++;
    return turns;
  },
  /** 1 MiB moved to the worker, which reads one byte a page. */
  buffer: (buffer: ArrayBuffer): number => {
    const bytes = new Uint8Array(buffer);
    let sum = 0;
    for (let index = 0; index < bytes.length; index += 4096) sum += bytes[index]!;
    return sum;
  },
};

export type WorkloadName = keyof typeof workloads;
export const workloadNames = Object.keys(workloads) as WorkloadName[];

let sequence = 0;

/** A fresh input. */
export function inputFor(name: WorkloadName): unknown {
  switch (name) {
    case "noop":
      return 1;
    case "object":
      return { id: sequence++, name: "a small object", tags: ["one", "two"], position: { x: 1.5, y: -2.5 } };
    case "cpu":
      return 5;
    case "buffer":
      return new ArrayBuffer(2 ** 20);
  }
}
