/** Which attempts are drawn in which lane: one for each worker, and more where a worker runs several at once. */
import { stateCode } from "../protocol.ts";
import type { RunView } from "./run-view.ts";

export interface Bars {
  readonly size: number;
  readonly task: Int32Array;
  readonly start: Float64Array;
  /** -1 for one that still runs. */
  readonly end: Float64Array;
  readonly lane: Int32Array;
  /** State by which the bar is painted: of an attempt that was followed by another, failed. */
  readonly state: Uint8Array;
}

export interface Lanes {
  readonly bars: Bars;
  /** For each lane, the worker; the first lane of a worker carries its name. */
  readonly workers: readonly number[];
}

/** Lanes that are drawn; attempts that find none free share the last one of their worker. */
const mostLanes = 400;

export function laneOut(shown: RunView): Lanes {
  const { size, past, startedAt, endedAt, state, worker } = shown;
  const order: number[] = [];
  for (let task = 0; task < size; task++) if (startedAt[task]! >= 0 && worker[task]! >= 0) order.push(task);
  for (let place = 0; place < past.length; place++) order.push(-1 - place);
  const startOf = (entry: number): number => (entry >= 0 ? startedAt[entry]! : past[-1 - entry]!.startedAt);
  order.sort((left, right) => startOf(left) - startOf(right));

  const bars = {
    size: order.length,
    task: new Int32Array(order.length),
    start: new Float64Array(order.length),
    end: new Float64Array(order.length),
    lane: new Int32Array(order.length),
    state: new Uint8Array(order.length),
  };
  const lanesOf = new LaneBook();
  order.forEach((entry, place) => {
    const before = entry < 0 ? past[-1 - entry]! : undefined;
    const task = before?.task ?? entry;
    bars.task[place] = task;
    bars.start[place] = before?.startedAt ?? startedAt[task]!;
    bars.end[place] = before?.endedAt ?? endedAt[task]!;
    bars.state[place] = before === undefined ? state[task]! : stateCode.retrying;
    const end = bars.end[place]! < 0 ? Number.POSITIVE_INFINITY : bars.end[place]!;
    bars.lane[place] = lanesOf.take(before?.worker ?? worker[task]!, bars.start[place]!, end);
  });
  return lanesOf.inOrder(bars, shown.workers);
}

/** The lanes of each worker, and until when each is taken. */
class LaneBook {
  readonly #byWorker = new Map<number, { readonly lane: number; until: number }[]>();
  readonly #workers: number[] = [];

  take(worker: number, start: number, end: number): number {
    const lanes = this.#byWorker.get(worker) ?? [];
    this.#byWorker.set(worker, lanes);
    let free = lanes.find(({ until }) => until <= start);
    if (free === undefined && (lanes.length === 0 || this.#workers.length < mostLanes)) {
      free = { lane: this.#workers.push(worker) - 1, until: end };
      lanes.push(free);
    }
    free ??= lanes.at(-1)!;
    free.until = Math.max(free.until === Number.POSITIVE_INFINITY ? 0 : free.until, end);
    return free.lane;
  }

  /** Lanes of one worker beside each other, workers by name with their numbers in order. */
  inOrder(bars: Bars, names: readonly string[]): Lanes {
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    const workers = [...this.#byWorker.keys()].sort((left, right) => compare(names[left] ?? "", names[right] ?? ""));
    const place = new Int32Array(this.#workers.length);
    const ordered: number[] = [];
    for (const worker of workers)
      for (const { lane } of this.#byWorker.get(worker)!) place[lane] = ordered.push(worker) - 1;
    for (let bar = 0; bar < bars.size; bar++) bars.lane[bar] = place[bars.lane[bar]!]!;
    return { bars, workers: ordered };
  }
}
