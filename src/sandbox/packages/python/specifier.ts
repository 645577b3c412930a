/**
 * Version specifiers of PEP 440: `>=1.5`, `==1.*`, `~=2.2`, `!=1.5.1`, `<3`, `===1.0`, joined by commas.
 *
 * They are asked about versions that are installed already, so a pre-release matches where its number does, as in `pip check`.
 */
import {
  comparePublic,
  comparePythonVersions,
  isPreRelease,
  type PythonVersion,
  parsePythonVersion,
  sameRelease,
} from "./version.js";

export type SpecifierOperator = "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "===";

export interface PythonSpecifier {
  readonly operator: SpecifierOperator;
  /** What comes after the operator, without `.*`. */
  readonly text: string;
  /** Absent for `===`, which compares text. */
  readonly version?: PythonVersion;
  /** Whether it ends in `.*`. */
  readonly prefix: boolean;
}

/** The specifiers of a list such as `>=1.5,<3`. Throws `RangeError` that says which one is wrong. */
export function parsePythonSpecifiers(text: string): PythonSpecifier[] {
  const parts = text.split(",").map((part) => part.trim());
  // One comma may trail, as in `(>=1.0,)`.
  if (parts.at(-1) === "") parts.pop();
  return parts.map(parsePythonSpecifier);
}

export function parsePythonSpecifier(text: string): PythonSpecifier {
  const match = /^\s*(===|~=|==|!=|<=|>=|<|>)\s*(.*?)\s*$/s.exec(text);
  if (match === null) throw new RangeError(`"${text}" is no version specifier; takes one such as ">=1.5" or "==1.*"`);
  const operator = match[1] as SpecifierOperator;
  const operand = match[2]!;
  if (operator === "===") return parseArbitrary(text, operand);
  const prefix = operand.endsWith(".*");
  const version = parsePythonVersion(prefix ? operand.slice(0, -2) : operand);
  if (version === undefined) throw new RangeError(`"${text}": "${operand}" is no version`);
  const problem = problemOf(operator, version, prefix);
  if (problem !== undefined) throw new RangeError(`"${text}": ${problem}`);
  return { operator, text: version.text, version, prefix };
}

function parseArbitrary(text: string, operand: string): PythonSpecifier {
  if (operand === "" || /[\s;)]/.test(operand)) throw new RangeError(`"${text}": === takes one word after it`);
  return { operator: "===", text: operand, prefix: false };
}

function problemOf(operator: SpecifierOperator, version: PythonVersion, prefix: boolean): string | undefined {
  const equality = operator === "==" || operator === "!=";
  if (prefix && !equality) return `${operator} takes no ".*"`;
  if (prefix && (isPreRelease(version) || version.post !== undefined || version.local !== undefined))
    return '".*" comes after release numbers only';
  if (version.local !== undefined && !equality) return `${operator} takes no local version`;
  if (operator === "~=" && version.release.length < 2) return "~= takes at least two release numbers";
  return undefined;
}

/** Whether `version` is one that every specifier of the list allows. */
export function satisfies(version: PythonVersion, specifiers: readonly PythonSpecifier[]): boolean {
  return specifiers.every((specifier) => satisfiesOne(version, specifier));
}

function satisfiesOne(version: PythonVersion, { operator, text, version: wanted, prefix }: PythonSpecifier): boolean {
  if (wanted === undefined) return version.text.toLowerCase() === text.toLowerCase();
  switch (operator) {
    case "==":
      return isEqual(version, wanted, prefix);
    case "!=":
      return !isEqual(version, wanted, prefix);
    case "<=":
      return comparePublic(version, wanted) <= 0;
    case ">=":
      return comparePublic(version, wanted) >= 0;
    case "~=":
      return comparePublic(version, wanted) >= 0 && hasPrefix(version, wanted, wanted.release.length - 1);
    case "<":
      return isBefore(version, wanted);
    case ">":
      return isAfter(version, wanted);
    case "===":
      return false;
  }
}

function isEqual(version: PythonVersion, wanted: PythonVersion, prefix: boolean): boolean {
  if (prefix) return hasPrefix(version, wanted, wanted.release.length);
  return wanted.local === undefined
    ? comparePublic(version, wanted) === 0
    : comparePythonVersions(version, wanted) === 0;
}

function hasPrefix(version: PythonVersion, wanted: PythonVersion, length: number): boolean {
  if (version.epoch !== wanted.epoch) return false;
  return wanted.release.slice(0, length).every((number, index) => (version.release[index] ?? 0n) === number);
}

/** `<3.1` leaves out the pre-releases of 3.1 itself, unless it names one. */
function isBefore(version: PythonVersion, wanted: PythonVersion): boolean {
  if (comparePythonVersions(version, wanted) >= 0) return false;
  return isPreRelease(wanted) || !isPreRelease(version) || !sameRelease(version, wanted);
}

/** `>3.1` leaves out the post-releases and local versions of 3.1 itself, unless it names one. */
function isAfter(version: PythonVersion, wanted: PythonVersion): boolean {
  if (comparePythonVersions(version, wanted) <= 0) return false;
  if (version.post !== undefined && wanted.post === undefined && sameRelease(version, wanted)) return false;
  return version.local === undefined || !sameRelease(version, wanted);
}
