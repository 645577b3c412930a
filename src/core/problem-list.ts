/** Collects what is wrong with a graph, up to a bound, and counts the rest. */
import { InvalidGraphError, type Problem } from "../model/error.js";

const mostProblems = 100;

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
