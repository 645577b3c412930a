/**
 * Expressions of a pipeline file: the Common Expression Language (https://cel.dev), which always ends, calls nothing of
 * the host and reaches only own fields of plain data. It is checked when the file is loaded and evaluated when a value
 * is needed.
 *
 * Numbers: CEL keeps 64-bit integers apart from floating point, JavaScript has one number. Operators between the two
 * are added, and what an expression gives becomes plain data: an integer beyond 2^53 is refused rather than rounded.
 */
import { type ASTNode, Environment, type EvaluationError, type ParseResult } from "@marcbachmann/cel-js";
import { nearestName } from "../model/check.js";
import { toPlainData } from "./plain-data.js";

/** Names that an expression can use. Which of them are there depends on its place. */
export type ScopeName = "inputs" | "env" | "tasks" | "item" | "index" | "output" | "previous" | "error" | "attempt";

/** What stands behind the names. */
export type Scope = { readonly [Name in ScopeName]?: unknown };

/** An expression that cannot be parsed, checked or evaluated. `start` and `end` are in the expression's own text. */
export class ExpressionError extends Error {
  readonly start: number;
  readonly end: number;

  constructor(message: string, start: number, end: number) {
    super(message);
    this.name = "ExpressionError";
    this.start = start;
    this.end = end;
  }
}

/** A use of one of the scope's names: `tasks.clean.output.rows` is `tasks` with the path `clean`, `output`, `rows`. */
export interface Reference {
  readonly name: ScopeName;
  /** The constant steps that follow; it ends where a step is computed. */
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
}

/** A checked expression. */
export interface Expression {
  readonly text: string;
  readonly references: readonly Reference[];
  /** @throws ExpressionError */
  evaluate(scope: Scope): unknown;
}

const limits = { maxAstNodes: 2000, maxDepth: 64, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 16 };
const longestExpression = 10_000;

const baseEnvironment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true, limits })
  .registerFunction("toJson(dyn): string", (value: unknown) => JSON.stringify(toPlainData(value)))
  .registerFunction("fromJson(string): dyn", (text: string) => JSON.parse(text) as unknown);
registerMixedArithmetic(baseEnvironment);

/** Checks an expression for a place where `names` can be used. Throws `ExpressionError`. */
export function compileExpression(text: string, names: readonly ScopeName[]): Expression {
  if (text.trim() === "") throw new ExpressionError("an expression is missing here", 0, text.length);
  if (text.length > longestExpression)
    throw new ExpressionError(`an expression has at most ${longestExpression} characters`, 0, text.length);
  const parsed = attempt(text, names, () => environmentFor(names).parse(text));
  const checked = attempt(text, names, () => parsed.check());
  if (!checked.valid) throw toExpressionError(checked.error, text, names);
  const references = attempt(text, names, () => collectReferences(parsed.ast, names));
  return { text, references, evaluate: (scope) => evaluate(parsed, text, names, scope) };
}

const environments = new Map<string, Environment>();

function environmentFor(names: readonly ScopeName[]): Environment {
  const key = names.join();
  let environment = environments.get(key);
  if (environment === undefined) {
    environment = baseEnvironment.clone();
    for (const name of names)
      environment.registerVariable(name, name === "inputs" || name === "env" || name === "tasks" ? "map" : "dyn");
    environments.set(key, environment);
  }
  return environment;
}

function evaluate(parsed: ParseResult, text: string, names: readonly ScopeName[], scope: Scope): unknown {
  return attempt(text, names, () => {
    const value: unknown = parsed(scope as Record<string, unknown>);
    // What is only taken from the scope is plain already, and may be large: it is passed on as it is.
    return isPath(parsed.ast) && typeof value !== "bigint" ? value : toPlainData(value);
  });
}

function isPath(node: ASTNode): boolean {
  if (node.op === "id") return true;
  return (node.op === "." || (node.op === "[]" && isConstant(node.args[1]))) && isPath(node.args[0]);
}

function isConstant(node: ASTNode): boolean {
  return node.op === "value" || isPath(node);
}

function attempt<Value>(text: string, names: readonly ScopeName[], action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw toExpressionError(error, text, names);
  }
}

type LibraryError = Pick<EvaluationError, "code" | "summary" | "range">;

function toExpressionError(thrown: unknown, text: string, names: readonly ScopeName[]): ExpressionError {
  if (thrown instanceof ExpressionError) return thrown;
  const error = thrown as Partial<LibraryError> & Partial<Error>;
  const start = error.range?.start ?? 0;
  const end = error.range?.end ?? text.length;
  const summary = isStackOverflow(thrown) ? "too deeply nested" : (error.summary ?? error.message ?? String(thrown));
  const message = plainerMessage(error.code ?? "", summary, { text, start, end }, names);
  return new ExpressionError(message, Math.min(start, text.length), Math.max(end, start));
}

function isStackOverflow(thrown: unknown): boolean {
  return thrown instanceof RangeError && thrown.message.startsWith("Maximum call stack");
}

interface Place {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function plainerMessage(code: string, summary: string, place: Place, names: readonly ScopeName[]): string {
  const piece = place.text.slice(place.start, place.end);
  if (code === "unknown_variable") {
    const hyphenated = /tasks\.([\w-]+-)$/.exec(place.text.slice(0, place.start));
    if (hyphenated !== null) return `a hyphen is a minus here; write tasks["${hyphenated[1]}${piece}"]`;
    const nearest = nearestName(piece, names);
    const hint = nearest === undefined ? `known here: ${names.join(", ")}` : `did you mean "${nearest}"?`;
    return `unknown name "${piece}"; ${hint}`;
  }
  if (code === "no_matching_overload")
    return summary.replace(/^found no matching overload for '(.*)'$/, "there is no $1 here");
  const beyond = /index (-?\d+) (?:>= size (\d+)|< 0)/.exec(summary);
  if (beyond !== null)
    return beyond[2] === undefined
      ? `a list has no item ${beyond[1]}`
      : `there is no item ${beyond[1]} in a list of ${beyond[2]} (the first is 0)`;
  if (code === "no_such_key") return `there is no "${piece}" here; has(...) asks first, and .?${piece} is optional`;
  if (summary === "Unexpected token: EOF") return "the expression ends too early";
  if (code === "no_such_overload" && summary.includes("string"))
    return `${lowerFirst(summary)}; string(...) makes text of a number`;
  return lowerFirst(summary);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Every use of a scope name, with the constant steps after it. Names that a macro binds (`rows.map(row, ...)`) are none. */
function collectReferences(ast: ASTNode, names: readonly ScopeName[]): Reference[] {
  const references: Reference[] = [];
  const pending: unknown[] = [ast];
  while (pending.length > 0) {
    const node = pending.pop();
    if (Array.isArray(node)) pending.push(...(node as unknown[]));
    if (!isNode(node)) continue;
    const reference = referenceOf(node, names);
    if (reference === undefined) pending.push(node.args);
    else {
      references.push(reference.reference);
      pending.push(...reference.computed);
    }
  }
  return references.sort((left, right) => left.start - right.start);
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

/** The chain of steps that ends at `node`, if a scope name is at its bottom, and the computed steps within it. */
function referenceOf(
  node: ASTNode,
  names: readonly ScopeName[],
): { reference: Reference; computed: ASTNode[] } | undefined {
  let path: string[] = [];
  const computed: ASTNode[] = [];
  let current = node;
  while (current.op === "." || current.op === ".?" || current.op === "[]" || current.op === "[?]") {
    const [base, step] = current.args;
    const constant = typeof step === "string" ? step : constantStep(step);
    if (constant === undefined) {
      computed.push(step as ASTNode);
      path = [];
    } else path.unshift(constant);
    current = base;
  }
  if (current.op !== "id" || !(names as readonly string[]).includes(current.args)) return undefined;
  const { start, end } = node.range;
  return { reference: { name: current.args as ScopeName, path, start, end }, computed };
}

function constantStep(step: ASTNode): string | undefined {
  return step.op === "value" && typeof step.args === "string" ? step.args : undefined;
}

function registerMixedArithmetic(environment: Environment): void {
  const operators: Readonly<Record<string, (left: number, right: number) => number>> = {
    "+": (left, right) => left + right,
    "-": (left, right) => left - right,
    "*": (left, right) => left * right,
    "/": (left, right) => left / right,
    "%": (left, right) => left % right,
  };
  for (const [operator, calculate] of Object.entries(operators)) {
    const handler = (left: number | bigint, right: number | bigint) => calculate(Number(left), Number(right));
    environment.registerOperator(`int ${operator} double`, handler);
    environment.registerOperator(`double ${operator} int`, handler);
  }
  environment.registerOperator("double % double", (left: number, right: number) => left % right);
}
