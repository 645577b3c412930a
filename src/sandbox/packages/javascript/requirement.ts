/** A caller's entry for JavaScript: the name of an npm package and a semantic version range at most. */
import { createRequire } from "node:module";
import type validRange from "semver/ranges/valid.js";

const require = createRequire(import.meta.url);

export interface NpmRequirement {
  /** With its scope. */
  readonly name: string;
  /** A range in semver's own words; `"*"` where none was given. */
  readonly range: string;
}

const namePattern = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const longestName = 214;
const reserved = new Set(["node_modules", "favicon.ico"]);

export function isNpmName(name: string): boolean {
  return name.length <= longestName && namePattern.test(name) && !reserved.has(name);
}

/**
 * An entry such as `lodash`, `lodash@^4.17` or `@scope/name@>=1 <3`.
 *
 * @throws RangeError that says what is wrong with it: a URL, a path, an option, an alias, a tag, or no name at all.
 */
export function parseNpmRequirement(entry: string): NpmRequirement {
  const refusal = refusalOf(entry);
  if (refusal !== undefined) throw new RangeError(refusal);
  const text = entry.trim();
  const at = text.indexOf("@", 1);
  const name = at === -1 ? text : text.slice(0, at);
  if (!isNpmName(name))
    throw new RangeError('takes the name of an npm package, in lower case, such as "lodash" or "@scope/name"');
  const range = at === -1 ? "*" : semverRange(text.slice(at + 1));
  if (range === null || text.endsWith("@"))
    throw new RangeError(`"${text.slice(at + 1)}" is no version range; takes one such as "^4.17", no tag`);
  return { name, range };
}

/** Loads semver with the first range: most programs name none, and it cannot be waited for where options are checked. */
const semverRange: typeof validRange = (range) => (require("semver/ranges/valid.js") as typeof validRange)(range);

function refusalOf(entry: string): string | undefined {
  if (entry.length > longestName + 100) return `takes at most ${longestName + 100} characters`;
  if (/[^ -~]/.test(entry))
    return "takes ASCII letters and signs only, no control characters and no letters that look alike";
  if (entry.trim() === "") return "takes the name of a package, got nothing";
  if (/^\s*-/.test(entry)) return "looks like an option of an installer; takes a name, nothing is installed";
  if (/@npm:/.test(entry)) return "is an alias; takes the package's own name";
  if (/:/.test(entry)) return "names a URL or a file; only what is installed on this machine can be allowed";
  if (/\\|^\s*[./~]|\.\./.test(entry) || /^\s*[^@\s][^@]*\//.test(entry))
    return "looks like a path or a repository; takes the name of a package";
  return undefined;
}
