/**
 * Decides about one destination: is the name allowed, on this port, and which address is dialled.
 *
 * The order matters. A name that is not allowed is never resolved, so that nothing leaves by way of DNS; a name is resolved once for each
 * connection, all its addresses are checked, and the caller dials one of those and no name.
 */
import { Resolver as DnsResolver } from "node:dns/promises";
import { isPublicAddress } from "./address.js";
import { Denied } from "./denial.js";
import { type DomainRule, describeRule, matchesName } from "./domain-rule.js";
import { type Authority, readHostName } from "./host-name.js";

/** The addresses of a name, in the order in which they are to be tried. */
export type Resolver = (name: string) => Promise<readonly string[]>;

export interface PolicyHooks {
  /** Default: what the configured DNS servers say. */
  readonly resolve?: Resolver;
  /** Default: public addresses only. */
  readonly isAllowedAddress?: (address: string) => boolean;
}

/** A destination that was found allowed. */
export interface Destination {
  /** In the one spelling that is compared. */
  readonly name: string;
  readonly port: number;
  /** Checked, at least one. */
  readonly addresses: readonly string[];
}

const mostAddresses = 8;

export class NetworkPolicy {
  readonly #rules: readonly DomainRule[];
  readonly #resolve: Resolver;
  readonly #isAllowedAddress: (address: string) => boolean;

  constructor(rules: readonly DomainRule[], hooks: PolicyHooks = {}) {
    this.#rules = rules;
    this.#resolve = hooks.resolve ?? resolveByDns;
    this.#isAllowedAddress = hooks.isAllowedAddress ?? isPublicAddress;
  }

  /** The name of `target` in the spelling that is compared. Throws `Denied` where it is not allowed on this port. */
  admit(target: Authority): string {
    const where = `${target.host}:${target.port}`;
    const host = readHostName(target.host);
    if (host.kind === "address")
      throw new Denied(target, "address", `${where} is an address and only names can be reached; ${this.#allowed()}`);
    if (host.kind === "malformed") throw new Denied(target, "malformed", `"${target.host}" is no name of a host`);
    const named = this.#rules.filter((rule) => matchesName(rule, host.name));
    if (named.length === 0)
      throw new Denied(target, "not-allowed", `${where} is not in allowedDomains; ${this.#allowed()}`);
    if (named.every((rule) => rule.port !== target.port)) {
      const message = `${where} is not in allowedDomains, only ${named.map(describeRule).join(", ")}`;
      throw new Denied(target, "port-not-allowed", message);
    }
    return host.name;
  }

  /** Resolves an admitted name. Throws `Denied` where any of its addresses may not be dialled, and an ordinary error where it has none. */
  async locate(name: string, port: number): Promise<Destination> {
    const addresses = (await this.#resolve(name)).slice(0, mostAddresses);
    if (addresses.length === 0) throw new Error(`${name} has no address`);
    const refused = addresses.find((address) => !this.#isAllowedAddress(address));
    if (refused !== undefined) {
      const message = `${name}:${port} points to ${refused}, which is not a public address`;
      throw new Denied({ host: name, port }, "private-address", message);
    }
    return { name, port, addresses };
  }

  #allowed(): string {
    const rules = this.#rules.map(describeRule);
    const more = rules.length > 10 ? ` and ${rules.length - 10} more` : "";
    return rules.length === 0 ? "nothing is allowed" : `allowed: ${rules.slice(0, 10).join(", ")}${more}`;
  }
}

/**
 * Asks the configured servers, IPv4 first. Not `dns.lookup`: that takes one of the few threads that the whole process shares for as long as a slow
 * server likes, which code in a sandbox must not be able to bring about.
 */
async function resolveByDns(name: string): Promise<string[]> {
  const resolver = new DnsResolver({ timeout: 3000, tries: 2 });
  const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  if (four.status === "rejected" && six.status === "rejected") throw four.reason;
  return [four, six].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
}
