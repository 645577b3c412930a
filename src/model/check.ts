/**
 * Validates options and graphs once, at the edge. A `Checker` gathers every problem of an options object, so that a caller
 * is told all of them at once, and `finish` throws them as one `InvalidOptionError`; a `ProblemList` does it for a graph.
 */
import { InvalidGraphError, InvalidOptionError, type Problem } from "./error.js";
import { type Duration, parseBytes, parseDurationMs, type Size } from "./units.js";

export interface NumberRange {
  readonly minimum: number;
  readonly maximum?: number;
  readonly integer?: boolean;
}

export class Checker {
  readonly problems: Problem[] = [];
  readonly #prefix: string;

  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  /** Records one problem with the option `name`. */
  report(name: string, message: string): void {
    this.problems.push({ where: this.#path(name), message });
  }

  /** Refuses what is no plain object, and every key that is not in `known`, naming the nearest one that is. */
  object(name: string, value: unknown, known: readonly string[]): value is Record<string, unknown> {
    if (!this.isObject(name, value)) return false;
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const nearest = nearestName(key, known);
      const hint = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean "${nearest}"?`;
      this.report(name === "" ? key : `${name}.${key}`, `unknown option; ${hint}`);
    }
    return true;
  }

  /** Refuses what is no plain object. */
  isObject(name: string, value: unknown): value is Record<string, unknown> {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return true;
    this.report(name, `takes an object, got ${describe(value)}`);
    return false;
  }

  /** A number in a range, or `fallback` where the option is absent. Infinity is taken only where there is no maximum and no `integer`. */
  number<Fallback>(name: string, value: unknown, range: NumberRange, fallback: Fallback): number | Fallback {
    if (value === undefined) return fallback;
    const { minimum, maximum = Number.POSITIVE_INFINITY, integer = false } = range;
    const inRange =
      typeof value === "number" && value >= minimum && value <= maximum && (!integer || Number.isSafeInteger(value));
    if (inRange) return value;
    const bounds = maximum === Number.POSITIVE_INFINITY ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
    this.report(name, `takes ${integer ? "an integer" : "a number"} ${bounds}, got ${describe(value)}`);
    return fallback;
  }

  boolean<Fallback>(name: string, value: unknown, fallback: Fallback): boolean | Fallback {
    if (value === undefined) return fallback;
    if (typeof value === "boolean") return value;
    this.report(name, `takes true or false, got ${describe(value)}`);
    return fallback;
  }

  string<Fallback>(name: string, value: unknown, fallback: Fallback): string | Fallback {
    if (value === undefined) return fallback;
    if (typeof value === "string") return value;
    this.report(name, `takes a string, got ${describe(value)}`);
    return fallback;
  }

  oneOf<const Choice extends string, Fallback>(
    name: string,
    value: unknown,
    choices: readonly Choice[],
    fallback: Fallback,
  ): Choice | Fallback {
    if (value === undefined) return fallback;
    if (typeof value === "string" && (choices as readonly string[]).includes(value)) return value as Choice;
    this.report(name, `takes one of ${choices.map((choice) => `"${choice}"`).join(", ")}, got ${describe(value)}`);
    return fallback;
  }

  /** Milliseconds of a duration option, at least `minimumMs`. */
  durationMs<Fallback>(name: string, value: unknown, fallback: Fallback, minimumMs = 0): number | Fallback {
    if (value === undefined) return fallback;
    try {
      const milliseconds = parseDurationMs(value as Duration);
      if (milliseconds >= minimumMs) return milliseconds;
      this.report(name, `takes at least ${minimumMs / 1000} seconds, got ${describe(value)}`);
    } catch (error) {
      this.report(name, (error as Error).message);
    }
    return fallback;
  }

  /** Bytes of a size option, at least `minimumBytes`. */
  bytes<Fallback>(name: string, value: unknown, fallback: Fallback, minimumBytes = 0): number | Fallback {
    if (value === undefined) return fallback;
    try {
      const bytes = parseBytes(value as Size);
      if (bytes >= minimumBytes) return bytes;
      this.report(name, `takes at least ${minimumBytes} bytes, got ${describe(value)}`);
    } catch (error) {
      this.report(name, (error as Error).message);
    }
    return fallback;
  }

  /** Throws all that was reported as one `InvalidOptionError`; returns where nothing was. */
  finish(): void {
    if (this.problems.length > 0) throw new InvalidOptionError(this.problems);
  }

  #path(name: string): string {
    if (this.#prefix === "") return name === "" ? "options" : name;
    return name === "" ? this.#prefix : `${this.#prefix}.${name}`;
  }
}

/** What was given, as it stands in messages. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (value instanceof Promise) return "a promise, which is to be awaited first";
  return value === undefined ? "nothing" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * The known name that a mistyped one most likely meant, or `undefined` where none is near: at most a third of its
 * letters away by optimal string alignment distance (Damerau 1964: insertions, deletions, substitutions, swaps), or, where
 * there is none, the shortest that it abbreviates: `prio`, `retry`.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3));
  const lowered = name.toLowerCase();
  let nearest: string | undefined;
  let nearestDistance = limit + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= nearestDistance) continue;
    const distance = alignmentDistance(lowered, candidate.toLowerCase());
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest ?? abbreviated(lowered, known);
}

/** At least three letters, and all but a fifth of them, begin the name. */
function abbreviated(lowered: string, known: Iterable<string>): string | undefined {
  const letters = lowered.slice(0, Math.max(3, Math.ceil(lowered.length * 0.8)));
  if (letters.length < 3) return undefined;
  let shortest: string | undefined;
  for (const candidate of known) {
    if (shortest !== undefined && candidate.length >= shortest.length) continue;
    if (candidate.toLowerCase().startsWith(letters)) shortest = candidate;
  }
  return shortest;
}

function alignmentDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const substitution = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, substitution);
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) best = Math.min(best, beforePrevious[column - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length]!;
}

const mostProblems = 100;

/** Collects what is wrong with a graph, up to a bound, and counts the rest. */
export class ProblemList {
  readonly problems: Problem[] = [];
  #more = 0;

  add(where: string, message: string): void {
    if (this.problems.length < mostProblems) this.problems.push({ where, message });
    else this.#more++;
  }

  /** Whether further problems are only counted. */
  get full(): boolean {
    return this.problems.length >= mostProblems;
  }

  throwIfAny(): void {
    if (this.problems.length === 0) return;
    const more = this.#more > 0 ? [{ where: "graph", message: `${this.#more} more problems` }] : [];
    throw new InvalidGraphError([...this.problems, ...more]);
  }
}

/** An id as it stands in messages. */
export function describeId(id: unknown): string {
  return typeof id === "string" ? id.slice(0, 100) : (JSON.stringify(id) ?? String(id));
}
