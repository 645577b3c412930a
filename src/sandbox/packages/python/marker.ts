/**
 * Environment markers of PEP 508: `python_version >= "3.10" and extra == "test"`.
 *
 * Read by recursive descent from a bounded text, and evaluated against what the interpreter says of itself.
 */
import { normaliseName } from "./name.js";
import { parsePythonSpecifier, satisfies } from "./specifier.js";
import { parsePythonVersion } from "./version.js";

const variables = [
  "implementation_name",
  "implementation_version",
  "os_name",
  "platform_machine",
  "platform_python_implementation",
  "platform_release",
  "platform_system",
  "platform_version",
  "python_full_version",
  "python_version",
  "sys_platform",
] as const;

/** What an interpreter says of itself, under the names of PEP 508. */
export type MarkerEnvironment = Readonly<Record<(typeof variables)[number], string>>;

type Operand = { readonly variable: string } | { readonly text: string };
type Marker =
  | { readonly kind: "and"; readonly left: Marker; readonly right: Marker }
  | { readonly kind: "or"; readonly left: Marker; readonly right: Marker }
  | { readonly kind: "compare"; readonly left: Operand; readonly operator: string; readonly right: Operand };

const token =
  /\s*(?:(?<word>\(|\)|and\b|or\b)|(?<operator>===|~=|==|!=|<=|>=|<|>|not\s+in\b|in\b)|(?<quoted>"[^"]*"|'[^']*')|(?<variable>[a-z_.]+))/y;
const deepest = 50;
/** Names from before PEP 508 that old metadata still has. */
const formerNames: Readonly<Record<string, string>> = {
  "os.name": "os_name",
  "sys.platform": "sys_platform",
  "platform.version": "platform_version",
  "platform.machine": "platform_machine",
  "platform.python_implementation": "platform_python_implementation",
  python_implementation: "platform_python_implementation",
};

/**
 * Whether a marker holds in `environment`, for somebody who asked for `extras`. Throws `RangeError` for text that is no
 * marker.
 */
export function evaluateMarker(text: string, environment: MarkerEnvironment, extras: readonly string[] = []): boolean {
  const marker = new MarkerReader(text).read();
  const asked = extras.length === 0 ? [""] : extras;
  return asked.some((extra) => evaluate(marker, { ...environment, extra: normaliseName(extra) }));
}

class MarkerReader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Marker {
    const marker = this.#either(0);
    if (this.#text.slice(this.#position).trim() !== "") throw this.#wrong();
    return marker;
  }

  #either(depth: number): Marker {
    let left = this.#both(depth);
    while (this.#take("word", "or")) left = { kind: "or", left, right: this.#both(depth) };
    return left;
  }

  #both(depth: number): Marker {
    let left = this.#comparison(depth);
    while (this.#take("word", "and")) left = { kind: "and", left, right: this.#comparison(depth) };
    return left;
  }

  #comparison(depth: number): Marker {
    if (depth > deepest) throw this.#wrong();
    if (this.#take("word", "(") !== undefined) {
      const inner = this.#either(depth + 1);
      if (this.#take("word", ")") === undefined) throw this.#wrong();
      return inner;
    }
    const left = this.#operand();
    const operator = this.#take("operator")?.replace(/\s+/g, " ");
    if (operator === undefined) throw this.#wrong();
    return { kind: "compare", left, operator, right: this.#operand() };
  }

  #operand(): Operand {
    const quoted = this.#take("quoted");
    if (quoted !== undefined) return { text: quoted.slice(1, -1) };
    const word = this.#take("variable");
    const variable = word === undefined ? undefined : (formerNames[word] ?? word);
    if (variable === "extra" || (variables as readonly (string | undefined)[]).includes(variable))
      return { variable: variable! };
    throw this.#wrong();
  }

  #take(kind: "word" | "operator" | "quoted" | "variable", exactly?: string): string | undefined {
    token.lastIndex = this.#position;
    const found = token.exec(this.#text)?.groups?.[kind];
    if (found === undefined || (exactly !== undefined && found !== exactly)) return undefined;
    this.#position = token.lastIndex;
    return found;
  }

  #wrong(): RangeError {
    return new RangeError(`"${this.#text}" is no environment marker (at character ${this.#position + 1})`);
  }
}

function evaluate(marker: Marker, environment: Readonly<Record<string, string>>): boolean {
  if (marker.kind === "and") return evaluate(marker.left, environment) && evaluate(marker.right, environment);
  if (marker.kind === "or") return evaluate(marker.left, environment) || evaluate(marker.right, environment);
  const left = textOf(marker.left, environment);
  const right = textOf(marker.right, environment);
  const ofExtra = [marker.left, marker.right].some((operand) => "variable" in operand && operand.variable === "extra");
  return ofExtra
    ? compareText(normaliseName(left), marker.operator, normaliseName(right))
    : compareValues(left, marker.operator, right);
}

function textOf(operand: Operand, environment: Readonly<Record<string, string>>): string {
  return "text" in operand ? operand.text : environment[operand.variable]!;
}

/** As versions where both are some, as text otherwise. */
function compareValues(left: string, operator: string, right: string): boolean {
  const version = parsePythonVersion(left);
  if (version === undefined || operator.endsWith("in")) return compareText(left, operator, right);
  try {
    return satisfies(version, [parsePythonSpecifier(operator + right)]);
  } catch {
    return compareText(left, operator, right);
  }
}

function compareText(left: string, operator: string, right: string): boolean {
  switch (operator) {
    case "in":
      return right.includes(left);
    case "not in":
      return !right.includes(left);
    case "==":
    case "===":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    default:
      throw new RangeError(`"${left}" ${operator} "${right}": ${operator} compares versions only`);
  }
}
