/**
 * Versions of Python distributions, after PEP 440: parsed once into a key of integers, compared key by key.
 *
 * The order within one release is `.devN` < pre-release < the release < `.postN`, and a local version (`+deb1`) comes after
 * the same version without one. Numbers are `bigint`, because dates with a time of day are used as version numbers.
 */

/** A version, told apart by its parts. `text` is what was given. */
export interface PythonVersion {
  readonly text: string;
  readonly epoch: bigint;
  /** At least one number. */
  readonly release: readonly bigint[];
  readonly pre?: { readonly phase: "a" | "b" | "rc"; readonly number: bigint };
  readonly post?: bigint;
  readonly dev?: bigint;
  readonly local?: readonly (bigint | string)[];
}

const longestVersion = 256;

const pattern = new RegExp(
  [
    "^\\s*v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\\.[0-9]+)*)",
    "(?:[-_.]?(?<phase>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>[0-9]+)?)?",
    "(?<post>-(?<bareNumber>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?<postNumber>[0-9]+)?)?",
    "(?<dev>[-_.]?dev[-_.]?(?<devNumber>[0-9]+)?)?",
    "(?:\\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\\s*$",
  ].join(""),
  "i",
);

/** The version that `text` spells, in any of the spellings that PEP 440 accepts; `undefined` for what is none. */
export function parsePythonVersion(text: string): PythonVersion | undefined {
  const groups = text.length > longestVersion ? undefined : pattern.exec(text)?.groups;
  if (groups === undefined) return undefined;
  return {
    text: text.trim(),
    epoch: BigInt(groups.epoch ?? 0),
    release: groups.release!.split(".").map(BigInt),
    ...(groups.phase === undefined
      ? {}
      : { pre: { phase: phaseOf(groups.phase), number: BigInt(groups.preNumber ?? 0) } }),
    ...(groups.post === undefined ? {} : { post: BigInt(groups.bareNumber ?? groups.postNumber ?? 0) }),
    ...(groups.dev === undefined ? {} : { dev: BigInt(groups.devNumber ?? 0) }),
    ...(groups.local === undefined ? {} : { local: groups.local.toLowerCase().split(/[-_.]/).map(localPart) }),
  };
}

/** Below 0 where `left` comes first, above 0 where `right` does, 0 where both are the same version. */
export function comparePythonVersions(left: PythonVersion, right: PythonVersion): number {
  return comparePublic(left, right) || compareLocal(left.local, right.local);
}

/** The same without the local part. */
export function comparePublic(left: PythonVersion, right: PythonVersion): number {
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareReleases(left.release, right.release) ||
    comparePre(left, right) ||
    comparePost(left.post, right.post) ||
    compareDev(left.dev, right.dev)
  );
}

/** Whether both are versions of one release: the same epoch and numbers, whatever comes after. */
export function sameRelease(left: PythonVersion, right: PythonVersion): boolean {
  return left.epoch === right.epoch && compareReleases(left.release, right.release) === 0;
}

export function isPreRelease(version: PythonVersion): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

function phaseOf(word: string): "a" | "b" | "rc" {
  const lower = word.toLowerCase();
  if (lower === "a" || lower === "alpha") return "a";
  return lower === "b" || lower === "beta" ? "b" : "rc";
}

function localPart(part: string): bigint | string {
  return /^[0-9]+$/.test(part) ? BigInt(part) : part;
}

function compareNumbers(left: bigint | number, right: bigint | number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareReleases(left: readonly bigint[], right: readonly bigint[]): number {
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const order = compareNumbers(left[index] ?? 0n, right[index] ?? 0n);
    if (order !== 0) return order;
  }
  return 0;
}

/** `1.0.dev1` comes before `1.0a1`, which comes before `1.0` and `1.0.post1`. */
function preRank(version: PythonVersion): number {
  if (version.pre !== undefined) return { a: 1, b: 2, rc: 3 }[version.pre.phase];
  return version.post === undefined && version.dev !== undefined ? 0 : 4;
}

function comparePre(left: PythonVersion, right: PythonVersion): number {
  return (
    compareNumbers(preRank(left), preRank(right)) || compareNumbers(left.pre?.number ?? 0n, right.pre?.number ?? 0n)
  );
}

function comparePost(left: bigint | undefined, right: bigint | undefined): number {
  return compareNumbers(left ?? -1n, right ?? -1n);
}

function compareDev(left: bigint | undefined, right: bigint | undefined): number {
  if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
  return compareNumbers(left, right);
}

/** No local part comes first; then part by part, where any number comes after any word. */
function compareLocal(left: PythonVersion["local"] = [], right: PythonVersion["local"] = []): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const order = compareLocalParts(left[index]!, right[index]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareLocalParts(left: bigint | string, right: bigint | string): number {
  if (typeof left === "bigint" && typeof right === "bigint") return compareNumbers(left, right);
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  return typeof left === "bigint" ? 1 : -1;
}
