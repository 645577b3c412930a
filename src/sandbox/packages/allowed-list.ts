/**
 * The entries of `allowedPackages`, told apart by language.
 *
 * One list serves whatever language the code comes in, so an entry need not be of use to each: `["pandas", "lodash"]` shows
 * pandas to Python and lodash to JavaScript. An entry that is of use to none is an error, so that no typing mistake is passed over.
 */
import { InvalidOptionError, type Problem } from "../../model/error.js";
import { type NpmRequirement, parseNpmRequirement } from "./javascript/requirement.js";
import { type PythonRequirement, parseAllowedDistribution } from "./python/requirement.js";

export interface AllowedEntry {
  /** Absent where it is no name in that language. */
  readonly python?: PythonRequirement;
  readonly javascript?: NpmRequirement;
}

/**
 * The entries of `allowedPackages` that no language takes, as problems of `name[index]`: URLs, paths, options, markers. What is
 * installed is looked at when code comes.
 */
export function allowedPackagesProblems(name: string, entries: readonly unknown[]): Problem[] {
  const problems: Problem[] = [];
  readEntries(name, entries, problems);
  return problems;
}

/** @throws InvalidOptionError that names every entry that no language takes. */
export function readAllowedPackages(entries: readonly string[]): AllowedEntry[] {
  const problems: Problem[] = [];
  const read = readEntries("allowedPackages", entries, problems);
  if (problems.length > 0) throw new InvalidOptionError(problems);
  return read;
}

function readEntries(name: string, entries: readonly unknown[], problems: Problem[]): AllowedEntry[] {
  return entries.flatMap((entry, index) => {
    const where = `${name}[${index}]`;
    if (typeof entry !== "string") {
      problems.push({ where, message: "takes the name of a package as a string" });
      return [];
    }
    const python = attempt(() => parseAllowedDistribution(entry));
    const javascript = attempt(() => parseNpmRequirement(entry));
    if (python.message !== undefined && javascript.message !== undefined) {
      problems.push({ where, message: `${JSON.stringify(entry)}: ${python.message}` });
      return [];
    }
    return [
      {
        ...(python.value === undefined ? {} : { python: python.value }),
        ...(javascript.value === undefined ? {} : { javascript: javascript.value }),
      },
    ];
  });
}

function attempt<Value>(parse: () => Value): { readonly value?: Value; readonly message?: string } {
  try {
    return { value: parse() };
  } catch (error) {
    return { message: (error as Error).message };
  }
}
