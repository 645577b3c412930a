/**
 * Numbers for the tracks of a trace. Slices of one track must lie side by side, so a worker that carries out several attempts
 * at once, as this process does with functions, has as many tracks as it ever did at once.
 */

/** Workers beyond these share the tracks of their kind. */
const mostWorkers = 5000;

export class Tracks {
  readonly #free = new Map<string, number[]>();
  readonly #workers: string[] = [""];
  readonly #counts = new Map<string, number>();
  readonly #onNew: (track: number, name: string) => void;

  /** `onNew` is told of each track, from 1, and its name. */
  constructor(onNew: (track: number, name: string) => void) {
    this.#onNew = onNew;
  }

  take(workerId: string): number {
    const worker = this.#counts.has(workerId) || this.#counts.size < mostWorkers ? workerId : kindOf(workerId);
    return this.#free.get(worker)?.pop() ?? this.#add(worker);
  }

  giveBack(track: number): void {
    const worker = this.#workers[track]!;
    const free = this.#free.get(worker);
    if (free === undefined) this.#free.set(worker, [track]);
    else {
      // The lowest comes first, so that a quiet run stays on few tracks.
      free.push(track);
      free.sort((left, right) => right - left);
    }
  }

  #add(worker: string): number {
    const track = this.#workers.push(worker) - 1;
    const count = (this.#counts.get(worker) ?? 0) + 1;
    this.#counts.set(worker, count);
    this.#onNew(track, worker === "inline" || count > 1 ? `${worker} ${count}` : worker);
    return track;
  }
}

function kindOf(workerId: string): string {
  return workerId.replace(/-\d+$/, "");
}
