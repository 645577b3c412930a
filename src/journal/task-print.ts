/**
 * What a task is, in three short texts that a later graph's task is compared by: its work, its rules (name, names of inputs, trigger,
 * condition, sandbox), and its constants. What it depends on is compared by ids. Left out is what changes nothing in what it
 * gives: priority, retries, timeouts, resources, expected duration.
 *
 * A function is known by its source text and the task's declared `version`: what it closes over, and what it imports, cannot be
 * seen. Each distinct text is hashed once, so that a hundred thousand tasks with one function cost a look-up each.
 */
import { createHash } from "node:crypto";
import { canonicalText, describeUnseen, objectKind } from "../model/canonical.js";
import { parentParts } from "../model/graph.js";
import type { Task } from "../model/task.js";
import type { TaskPrints } from "./record.js";

const deepest = 12;

export class TaskPrinter {
  /** Of functions and of work that is described; many tasks have the same. */
  readonly #works = new WeakMap<object, string>();
  readonly #texts = new Map<string, string>();

  /** Work, rules and constants. */
  print(task: Task): readonly [string, string, string] {
    return [this.#work(task), this.#rules(task), task.with === undefined ? "" : this.#digest(task.with)];
  }

  #work({ run, version }: Task): string {
    const print = this.#once(run);
    return version === undefined ? print : `${this.#text(version)} ${print}`;
  }

  #once(work: object): string {
    let print = this.#works.get(work);
    if (print === undefined) {
      print = typeof work === "function" ? this.#function(work) : this.#digest(work);
      this.#works.set(work, print);
    }
    return print;
  }

  #rules({ name, inputs, trigger, when, sandbox }: Task): string {
    if (
      name === undefined &&
      inputs === undefined &&
      trigger === undefined &&
      when === undefined &&
      sandbox === undefined
    )
      return "";
    const names = inputs === undefined ? "" : Object.entries(inputs).join(";");
    const parts = [name ?? "", names, trigger ?? "", when === undefined ? "" : this.#once(when)];
    if (sandbox !== undefined) parts.push(this.#digest(sandbox));
    return this.#text(parts.join("\n"));
  }

  #function(run: object): string {
    const parts = parentParts(run);
    return parts === undefined ? this.#text(String(run)) : this.#digest(parts);
  }

  #text(text: string): string {
    let print = this.#texts.get(text);
    if (print === undefined) {
      print = hash(text);
      this.#texts.set(text, print);
    }
    return print;
  }

  #digest(value: unknown): string {
    return hash(canonicalText(this.#printable(value, 0)));
  }

  /** The value with what cannot be compared told by what it is: a function by its source, a connection by its class. */
  #printable(value: unknown, depth: number): unknown {
    if (typeof value === "function") return `function ${this.#function(value)}`;
    if (typeof value === "symbol") return String(value);
    if (typeof value !== "object" || value === null) return value;
    const kind = objectKind(value);
    if (kind === undefined) return describeUnseen(value);
    if (depth >= deepest) return `${kind}, too deep to compare`;
    const inner = (part: unknown): unknown => this.#printable(part, depth + 1);
    switch (kind) {
      case "array":
        return (value as unknown[]).map(inner);
      case "object":
      case "null-object":
        return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, inner(field)]));
      case "map":
        return new Map(Array.from(value as Map<unknown, unknown>, ([key, held]) => [inner(key), inner(held)]));
      case "set":
        return new Set(Array.from(value as Set<unknown>, inner));
      default:
        return value;
    }
  }
}

/** Of the code units, because UTF-8 has one form for all lone surrogates. */
function hash(text: string): string {
  return createHash("sha256").update(text, "utf16le").digest("base64url").slice(0, 22);
}

/** The prints of a graph's tasks, each distinct text once. */
export function printTasks(tasks: readonly Task[], printer: TaskPrinter): TaskPrints {
  const places = new Map<string, number>();
  const texts: string[] = [];
  const placeOf = (text: string): number => {
    let place = places.get(text);
    if (place === undefined) {
      place = texts.push(text) - 1;
      places.set(text, place);
    }
    return place;
  };
  const prints = {
    texts,
    work: new Int32Array(tasks.length),
    rules: new Int32Array(tasks.length),
    constants: new Int32Array(tasks.length),
  };
  tasks.forEach((task, number) => {
    const [work, rules, constants] = printer.print(task);
    prints.work[number] = placeOf(work);
    prints.rules[number] = placeOf(rules);
    prints.constants[number] = placeOf(constants);
  });
  return prints;
}
