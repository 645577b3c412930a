/**
 * `allowedPackages: ["requests", "pandas>=1.5"]` as a view of the file system.
 *
 * Only what is installed can be allowed; nothing is installed, built or run. The view has the files that the distributions and
 * their requirements own, under the paths that they have on this machine, so that a module imported outside the sandbox (by a fork server) and
 * one imported inside have the same file names.
 */
import { existsSync } from "node:fs";
import { nearestName } from "../../../model/check.js";
import { OrchestratorError } from "../../../model/error.js";
import { plainBind, type ResolvedBind, resolveBinds, viewDigest } from "../identity.js";
import type { PackageBind, PackageView } from "../view.js";
import { closureOf, describeRequirement, InstalledDistributions, matches } from "./closure.js";
import type { Distribution } from "./distribution.js";
import type { PythonEnvironment } from "./environment.js";
import { fewestEntries } from "./ownership.js";
import type { PythonRequirement } from "./requirement.js";

interface Elsewhere {
  readonly data: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * What some distributions read outside the site directories, where Debian puts it. Only what exists is shown. Nothing lies below
 * `/etc`, for a sandbox has one of its own; a variable says where else to look instead.
 */
const elsewhere: Readonly<Record<string, Elsewhere>> = {
  matplotlib: {
    data: ["/usr/share/matplotlib", "/usr/share/fonts", "/usr/share/fontconfig/conf.avail"],
    environment: {
      MATPLOTLIBRC: "/usr/share/matplotlib/mpl-data/matplotlibrc",
      // It asks fc-list for more fonts than its own, which complains on standard error where there are no settings at all.
      FONTCONFIG_FILE: "/usr/share/fontconfig/conf.avail/60-latin.conf",
    },
  },
  "python-dateutil": { data: ["/usr/share/zoneinfo"] },
  pytz: { data: ["/usr/share/zoneinfo"] },
  tzdata: { data: ["/usr/share/zoneinfo"] },
};

/**
 * The view of `requirements`, each the result of `parseAllowedDistribution`.
 *
 * @throws OrchestratorError `PACKAGE_NOT_FOUND` for one that is not installed, or not in a version that was asked for.
 */
export function resolvePythonView(
  requirements: readonly PythonRequirement[],
  environment: PythonEnvironment,
  installed = new InstalledDistributions(environment),
): PackageView {
  const wanted = requirements.map((requirement) => findWanted(requirement, installed, environment));
  // Of other directories than its own the interpreter knows nothing: what they have is shown in the first of its own.
  const shownIn = (site: string) => (environment.ownSites.includes(site) ? site : environment.ownSites[0]!);
  const closure = closureOf(wanted, installed, environment);
  const binds = resolveBinds(
    [...closure.owned].flatMap(([site, owned]) =>
      fewestEntries(site, owned).map((entry) => ({ source: `${site}/${entry}`, target: `${shownIn(site)}/${entry}` })),
    ),
  );
  const others = [...closure.distributions.keys()].flatMap((key) => elsewhere[key] ?? []);
  const { root = "" } = environment;
  const data = resolveBinds(others.flatMap((other) => other.data).map((path) => asItself(`${root}${path}`)));
  const versions = Object.fromEntries(
    [...closure.distributions.values()].map(({ key, version }) => [key, version]).sort(),
  );
  return {
    language: "python",
    digest: viewDigest("python", [environment.interpreter, environment.markers.python_full_version], versions, [
      ...binds,
      ...data,
    ]),
    roots: [...new Set(environment.siteDirectories.map(shownIn))],
    binds: binds.map(plainBind),
    data: data.map(plainBind),
    environment: environmentOf(others, root),
    importNames: importNamesOf(wanted, binds, environment),
    versions,
    unmet: closure.unmet,
  };
}

/** Variables whose files exist: a wheel from elsewhere carries its own. */
function environmentOf(others: readonly Elsewhere[], root: string): Record<string, string> {
  const variables = others.flatMap(({ environment = {} }) => Object.entries(environment));
  return Object.fromEntries(variables.filter(([, path]) => existsSync(`${root}${path}`)));
}

function asItself(path: string): PackageBind {
  return { source: path, target: path };
}

function findWanted(
  requirement: PythonRequirement,
  installed: InstalledDistributions,
  environment: PythonEnvironment,
): Distribution {
  const found = installed.find(requirement.key);
  const sites = environment.siteDirectories.join(", ");
  const remedy = `install it with "apt-get install python3-${requirement.key}" or "${environment.interpreter} -m pip install '${describeRequirement(requirement)}'"`;
  if (found === undefined) {
    const nearest = nearestName(requirement.key, installed.names());
    const hint = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
    throw notFound(`allowed package "${requirement.name}" is not installed in ${sites}: ${remedy}.${hint}`);
  }
  if (!matches(found, requirement)) {
    const wanted = describeRequirement(requirement);
    throw notFound(`allowed package "${wanted}": version ${found.version} is installed in ${found.site}, ${remedy}`);
  }
  return found;
}

function notFound(message: string): OrchestratorError {
  return new OrchestratorError("PACKAGE_NOT_FOUND", message);
}

/** The public top-level modules that the wanted distributions give, among those that are in the view. */
function importNamesOf(
  wanted: readonly Distribution[],
  binds: readonly ResolvedBind[],
  environment: PythonEnvironment,
): string[] {
  const shown = new Set<string>();
  for (const { target } of binds) {
    const site = environment.ownSites.find((directory) => target.startsWith(`${directory}/`));
    const first = site === undefined ? "" : target.slice(site.length + 1).split("/")[0]!;
    shown.add(first.replace(/\.(?:py|[^/]*\.so)$/, ""));
  }
  const names = wanted.flatMap(({ topLevel, key }) => (topLevel.length > 0 ? topLevel : [key.replaceAll("-", "_")]));
  const isPublic = (name: string) => /^[a-z]\w*$/i.test(name) && shown.has(name);
  return [...new Set(names.filter(isPublic))].sort();
}
