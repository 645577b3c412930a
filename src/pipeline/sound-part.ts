/**
 * What is left of a file when the values of a wrong shape are taken out of it, so that one reading tells also what is wrong
 * with the rest: a name that nothing has, a cycle, an expression. Where a wrong value is one that others refer to, there is
 * no such part: what would be told of the others might not be true.
 */
import { nearestName } from "../model/check.js";
import type { DocumentPath } from "./document.js";

/** Keys of a task that give expressions their names. */
const named = ["forEach", "loop", "outputs", "onFailure"];

/** A copy without the values at `paths`, or `undefined` where others may refer to one of them. */
export function soundPart(value: unknown, paths: readonly DocumentPath[]): unknown {
  if (!paths.every(concernsItselfAlone)) return undefined;
  const copy = structuredClone(value);
  for (const path of paths) remove(copy, path);
  return copy;
}

function concernsItselfAlone(path: DocumentPath): boolean {
  const [part, , key] = path;
  if (part === "tasks") return path.length >= 3 && nearestName(String(key), named) === undefined;
  if (part === "inputs") return path.length >= 3;
  return (part === "limits" || part === "defaults") && path[1] !== "resources" && path.length >= 2;
}

/** Takes out the value at the path; where the text has none there, what it is missing from. */
function remove(value: unknown, path: DocumentPath): void {
  const parent = at(value, path.slice(0, -1));
  const key = path.at(-1)!;
  if (typeof parent !== "object" || parent === null) return;
  if (Array.isArray(parent) || !Object.hasOwn(parent, key)) remove(value, path.slice(0, -1));
  else delete (parent as Record<string, unknown>)[key as string];
}

function at(value: unknown, path: DocumentPath): unknown {
  let part = value;
  for (const step of path) part = (part as Record<string, unknown> | undefined)?.[step as string];
  return part;
}

/** Whether a problem at `where` may come of what was taken out: of a task without its work, or of an input. */
export function isConsequence(where: string, removed: readonly string[]): boolean {
  return removed.some((path) => {
    const [part, name, key = ""] = path.split(/[.[]/);
    if (part === "inputs") return isWithin(where, `${part}.${name}`);
    return isWithin(where, path) || (work.includes(key) && isWithin(path, where));
  });
}

/** Keys of a task of which it has one. */
const work = ["command", "module", "code"];

function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}
