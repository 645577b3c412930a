/** Names of Python distributions, after PEP 508 (what is one) and PEP 503 (which are the same). */

const namePattern = /^(?:[a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$/i;
const longestName = 200;

export function isDistributionName(text: string): boolean {
  return text.length <= longestName && namePattern.test(text);
}

/** `Ruamel.YAML__clib` as `ruamel-yaml-clib`: two names are the same distribution where this is the same. */
export function normaliseName(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}
