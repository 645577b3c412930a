/**
 * Values of a pipeline file with `${{ expressions }}` in them. A string that is one expression and nothing else keeps
 * the expression's type; an expression inside longer text becomes text. `$${{` stands for a plain `${{`.
 */
import type { DocumentPath } from "./document.js";
import { compileExpression, type Expression, ExpressionError, type Scope, type ScopeName } from "./expression.js";

const opening = "${{";

/** A piece of a string: text as it is, or an expression. `start` is where its text begins in the string. */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "expression"; readonly start: number; readonly source: string };

/** Cuts a string into text and expressions. Throws `ExpressionError` (offsets in the string) for one that is not closed. */
export function splitTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let plain = "";
  let position = 0;
  while (position < text.length) {
    const next = text.indexOf(opening, position);
    if (next === -1) break;
    if (text[next - 1] === "$" && next > position) {
      plain += text.slice(position, next - 1) + opening;
      position = next + opening.length;
      continue;
    }
    plain += text.slice(position, next);
    if (plain !== "") parts.push({ kind: "text", text: plain });
    plain = "";
    const end = findEnd(text, next + opening.length);
    if (end === -1) throw new ExpressionError(`${opening} is not closed by }}`, next, text.length);
    parts.push({ kind: "expression", start: next + opening.length, source: text.slice(next + opening.length, end) });
    position = end + 2;
  }
  plain += text.slice(position);
  if (plain !== "") parts.push({ kind: "text", text: plain });
  return parts;
}

/** Where the `}}` that ends an expression begins: outside its strings and its own braces. -1 if nowhere. */
function findEnd(text: string, from: number): number {
  let depth = 0;
  for (let position = from; position < text.length; position++) {
    const character = text[position]!;
    if (character === '"' || character === "'") {
      position = endOfString(text, position, character);
      if (position === -1) return -1;
    } else if (character === "{") depth++;
    else if (character === "}" && depth > 0) depth--;
    else if (character === "}" && text[position + 1] === "}") return position;
  }
  return -1;
}

function endOfString(text: string, from: number, quote: string): number {
  for (let position = from + 1; position < text.length; position++) {
    if (text[position] === "\\") position++;
    else if (text[position] === quote) return position;
  }
  return -1;
}

/** An expression, and where in the file it stands. */
export interface PlacedExpression {
  readonly expression: Expression;
  readonly path: DocumentPath;
  /** Where the expression's text begins in the string at `path`. */
  readonly offset: number;
}

/** A value that may depend on a scope. */
export interface Template {
  /** Every expression in it; none in a constant. */
  readonly expressions: readonly PlacedExpression[];
  /** @throws ExpressionError whose message names the expression */
  evaluate(scope: Scope): unknown;
}

/** Told of an expression that is wrong: where, and what. */
export type ReportExpression = (path: DocumentPath, error: ExpressionError) => void;

/** Compiles a value, with every string in its lists and maps. What is wrong is reported, and stands as `null`. */
export function compileTemplate(
  value: unknown,
  path: DocumentPath,
  names: readonly ScopeName[],
  report: ReportExpression,
): Template {
  if (typeof value === "string") return compileString(value, path, names, report);
  if (Array.isArray(value)) {
    const members = value.map((member, index) => compileTemplate(member, [...path, index], names, report));
    return combine(members, value, (scope) => members.map((member) => member.evaluate(scope)));
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([key, member]) => [key, compileTemplate(member, [...path, key], names, report)] as const,
    );
    return combine(
      members.map(([, member]) => member),
      value,
      (scope) => Object.fromEntries(members.map(([key, member]) => [key, member.evaluate(scope)])),
    );
  }
  return constant(value);
}

/** Compiles a string that is an expression as a whole, with or without `${{ }}` around it (`when`, `until`, `forEach`). */
export function compileCondition(
  text: string,
  path: DocumentPath,
  names: readonly ScopeName[],
  report: ReportExpression,
): Template {
  if (text.includes(opening)) return compileString(text, path, names, report);
  return compilePart({ kind: "expression", start: 0, source: text }, path, names, report);
}

function constant(value: unknown): Template {
  return { expressions: [], evaluate: () => value };
}

function combine(members: readonly Template[], value: unknown, evaluate: (scope: Scope) => unknown): Template {
  const expressions = members.flatMap((member) => member.expressions);
  // A string may hold an escape, so that even a value without expressions is made from its members.
  if (expressions.length === 0 && typeof value !== "object") return constant(value);
  return { expressions, evaluate };
}

function compileString(
  text: string,
  path: DocumentPath,
  names: readonly ScopeName[],
  report: ReportExpression,
): Template {
  let parts: TemplatePart[];
  try {
    parts = splitTemplate(text);
  } catch (error) {
    report(path, error as ExpressionError);
    return constant(null);
  }
  if (parts.length === 0) return constant("");
  const members = parts.map((part) => compilePart(part, path, names, report));
  if (members.length === 1) return members[0]!;
  const expressions = members.flatMap((member) => member.expressions);
  return { expressions, evaluate: (scope) => members.map((member) => toText(member, scope)).join("") };
}

function compilePart(
  part: TemplatePart,
  path: DocumentPath,
  names: readonly ScopeName[],
  report: ReportExpression,
): Template {
  if (part.kind === "text") return constant(part.text);
  try {
    const expression = compileExpression(part.source, names);
    return {
      expressions: [{ expression, path, offset: part.start }],
      evaluate: (scope) => named(expression, () => expression.evaluate(scope)),
    };
  } catch (error) {
    const { message, start, end } = error as ExpressionError;
    report(path, new ExpressionError(message, start + part.start, end + part.start));
    return constant(null);
  }
}

/** Adds which expression it was to an error of its evaluation, which is met far from the file. */
function named<Value>(expression: Expression, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(`\${{ ${expression.text.trim()} }}: ${error.message}`, error.start, error.end);
  }
}

function toText(member: Template, scope: Scope): string {
  const value = member.evaluate(scope);
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const expression = member.expressions[0]?.expression.text.trim() ?? "";
  const kind = value === null || value === undefined ? "null" : Array.isArray(value) ? "a list" : "a map";
  throw new ExpressionError(
    `\${{ ${expression} }}: gives ${kind}; inside text it takes a string, number or boolean (toJson(...) makes text of anything)`,
    0,
    expression.length,
  );
}
