/** `allowedDomains: ["api.example.com:443", "*.example.org:443"]`: the grammar of an entry, and what it matches. */
import type { Problem } from "../../model/error.js";
import { readWrittenHostName } from "./host-name.js";

export interface DomainRule {
  /** As it is compared, without `*.`. */
  readonly name: string;
  /** Whether it stands for the names below `name`, at any depth, instead of `name` itself. */
  readonly wildcard: boolean;
  readonly port: number;
}

const form = 'takes a name, with a port where it is not 443, such as "api.example.com" or "*.example.org:80"';
const defaultPort = 443;

/** Throws `RangeError` that says what is wrong with the entry. */
export function parseDomainRule(entry: string): DomainRule {
  if (entry.length > 300) throw new RangeError("takes at most 300 characters");
  if (entry.includes("://")) throw new RangeError(`is a URL; ${form}`);
  if (/[\s/?#@\\%]/.test(entry)) throw new RangeError(`has a character that no name has; ${form}`);
  if (/^\[|:.*:/.test(entry)) throw new RangeError(`is an address; ${form}`);
  const match = /^(\*\.)?([^:]*)(?::([0-9]*))?$/.exec(entry);
  if (match === null) throw new RangeError(`has no port after its colon; ${form}`);
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (port < 1 || port > 65_535) throw new RangeError(`has no port after its colon; takes 1 to 65535`);
  const host = readWrittenHostName(match[2]!);
  if (host.kind === "address") throw new RangeError(`is an address; ${form}`);
  if (host.kind === "malformed" || match[2] === "") throw new RangeError(`is no name of a host; ${form}`);
  if (!host.name.includes(".")) throw new RangeError(`"${host.name}" has no domain; takes the full name of a host`);
  return { name: host.name, wildcard: match[1] !== undefined, port };
}

/** The rules of a list. Every entry that is none is reported to `problems` as `name[index]`. */
export function parseDomainRules(name: string, entries: readonly unknown[], problems: Problem[]): DomainRule[] {
  return entries.flatMap((entry, index) => {
    const where = `${name}[${index}]`;
    if (typeof entry !== "string") {
      problems.push({ where, message: form });
      return [];
    }
    try {
      return [parseDomainRule(entry)];
    } catch (error) {
      problems.push({ where, message: `${JSON.stringify(entry)} ${(error as Error).message}` });
      return [];
    }
  });
}

/** Whether `name`, as `readHostName` gives it, is one that the rule stands for. The port is compared apart. */
export function matchesName(rule: DomainRule, name: string): boolean {
  return rule.wildcard ? name.endsWith(`.${rule.name}`) : name === rule.name;
}

export function describeRule(rule: DomainRule): string {
  return `${rule.wildcard ? "*." : ""}${rule.name}:${rule.port}`;
}

/** Problems of `allowedDomains`, each with the entry's name. */
export function allowedDomainsProblems(name: string, entries: readonly unknown[]): Problem[] {
  const problems: Problem[] = [];
  parseDomainRules(name, entries, problems);
  return problems;
}
