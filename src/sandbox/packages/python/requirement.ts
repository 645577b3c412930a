/**
 * Requirements of Python distributions, after PEP 508.
 *
 * There are two readers. `parseAllowedDistribution` reads what a caller of the sandbox writes: a name and version specifiers and nothing
 * else, because all that could be asked for is what is installed. `parseRequirement` reads what distributions say of
 * themselves in their metadata: extras, markers and URLs too.
 */
import { isDistributionName, normaliseName } from "./name.js";
import { type PythonSpecifier, parsePythonSpecifiers } from "./specifier.js";

export interface PythonRequirement {
  /** As written. */
  readonly name: string;
  /** The name that is compared (PEP 503). */
  readonly key: string;
  readonly extras: readonly string[];
  readonly specifiers: readonly PythonSpecifier[];
  /** The text after `;`. */
  readonly marker?: string;
}

const longestRequirement = 4096;
const requirementPattern =
  /^\s*(?<name>[a-z0-9][a-z0-9._-]*)\s*(?:\[(?<extras>[^\]]*)\])?\s*(?:\((?<enclosed>[^()]*)\)|(?<open>[^();@]*)|@\s*(?<url>\S+)\s*)\s*$/i;

/**
 * A caller's entry such as `pandas` or `pandas >=1.5,<3`.
 *
 * @throws RangeError that says what is wrong with it: a URL, a path, an option, a marker, extras, or no name at all.
 */
export function parseAllowedDistribution(entry: string): PythonRequirement {
  const refusal = refusalOf(entry);
  if (refusal !== undefined) throw new RangeError(refusal);
  const match = /^ *([A-Za-z0-9._-]+) *(.*)$/s.exec(entry);
  const name = match?.[1] ?? "";
  if (match === null || !isDistributionName(name))
    throw new RangeError('takes the name of a distribution with version specifiers at most, such as "pandas>=1.5"');
  return { name, key: normaliseName(name), extras: [], specifiers: parsePythonSpecifiers(match[2]!) };
}

/** Why an entry is refused before its grammar is looked at, so that the message can say what it looks like. */
function refusalOf(entry: string): string | undefined {
  if (entry.length > 200) return "takes at most 200 characters";
  if (/[^ -~]/.test(entry))
    return "takes ASCII letters and signs only, no control characters and no letters that look alike";
  if (entry.trim() === "") return "takes the name of a distribution, got nothing";
  if (/^\s*-/.test(entry)) return "looks like an option of an installer; takes a name, nothing is installed";
  if (entry.includes("://") || entry.includes("@"))
    return "names a URL; only what is installed on this machine can be allowed";
  if (/[/\\]/.test(entry) || /^\s*\.|\.\./.test(entry)) return "looks like a path; takes the name of a distribution";
  if (entry.includes(";")) return "has an environment marker; takes a name and version specifiers only";
  if (entry.includes("[")) return "asks for extras; name the distributions that the extra stands for instead";
  return undefined;
}

/** A requirement as metadata has it. Throws `RangeError` for text that is none. */
export function parseRequirement(text: string): PythonRequirement {
  const semicolon = text.indexOf(";");
  const head = semicolon === -1 ? text : text.slice(0, semicolon);
  const groups = text.length > longestRequirement ? undefined : requirementPattern.exec(head)?.groups;
  if (groups === undefined || !isDistributionName(groups.name!)) throw new RangeError(`"${text}" is no requirement`);
  const extras = (groups.extras ?? "").split(",").map((extra) => extra.trim());
  return {
    name: groups.name!,
    key: normaliseName(groups.name!),
    extras: extras.filter((extra) => extra !== ""),
    specifiers: parsePythonSpecifiers(groups.enclosed ?? groups.open ?? ""),
    ...(semicolon === -1 ? {} : { marker: text.slice(semicolon + 1) }),
  };
}
