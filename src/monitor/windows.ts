/**
 * Stretches of time that slide. A window is a ring of ten parts; one is added at its front and one falls off its end when
 * a tenth of the window has passed, so a window of 10 seconds tells of the last 9 to 10. What happens is counted in one
 * place, which is added to the total and to the front of every ring before the next part of any of them begins: so the
 * number of windows costs nothing for a task, and something once a second.
 */
import { Figures } from "./figures.js";

export const partsOfWindow = 10;

/** Cuts time where a part of any window begins. */
export class WindowTime {
  /** Milliseconds. */
  readonly lengths: readonly number[];
  /** When the present stretch began. */
  since = Number.NEGATIVE_INFINITY;
  /** From here on, what happens belongs to the next stretch. */
  until = Number.NEGATIVE_INFINITY;

  constructor(lengths: readonly number[]) {
    this.lengths = lengths;
  }

  /** Begins the stretch in which `at` lies. */
  begin(at: number): void {
    this.since = at;
    this.until = this.lengths.reduce((first, length) => {
      const part = length / partsOfWindow;
      return Math.min(first, (Math.floor(at / part) + 1) * part);
    }, Number.POSITIVE_INFINITY);
  }

  /** Number of the part of a window in which a time lies. */
  part(window: number, at: number): number {
    return Math.floor(at / (this.lengths[window]! / partsOfWindow));
  }

  /** Where the window begins that ends at `at`. */
  start(window: number, at: number): number {
    return ((this.part(window, at) - partsOfWindow + 1) * this.lengths[window]!) / partsOfWindow;
  }
}

interface Part {
  number: number;
  readonly figures: Figures;
}

/** The figures of one kind of task: now, since the start, and in each window. */
export class FiguresOverTime {
  /** Of the present stretch. */
  readonly present = new Figures();
  readonly #past = new Figures();
  readonly #rings: Part[][];

  constructor(windows: number) {
    this.#rings = Array.from({ length: windows }, () => []);
  }

  /** The present stretch is over: what it has counted is past. */
  turn(time: WindowTime): void {
    const { present } = this;
    if (present.attemptsOrEnds === 0) return;
    this.#past.add(present);
    for (let window = 0; window < this.#rings.length; window++)
      this.#part(window, time.part(window, time.since)).add(present);
    present.clear();
  }

  total(): Figures {
    const total = new Figures();
    total.add(this.#past);
    total.add(this.present);
    return total;
  }

  /** What was counted in a window that ends at `at`. */
  within(window: number, time: WindowTime, at: number): Figures {
    const sum = new Figures();
    const oldest = time.part(window, at) - partsOfWindow;
    for (const { number, figures } of this.#rings[window]!) if (number > oldest) sum.add(figures);
    if (time.part(window, time.since) > oldest) sum.add(this.present);
    return sum;
  }

  clear(): void {
    this.present.clear();
    this.#past.clear();
    for (const ring of this.#rings) ring.length = 0;
  }

  #part(window: number, number: number): Figures {
    const ring = this.#rings[window]!;
    const place = number % partsOfWindow;
    const known = ring.find((part) => part.number % partsOfWindow === place);
    if (known === undefined) {
      const figures = new Figures();
      ring.push({ number, figures });
      return figures;
    }
    if (known.number !== number) {
      known.number = number;
      known.figures.clear();
    }
    return known.figures;
  }
}
