/**
 * Names of hosts in the one spelling that is compared: ASCII (punycode), lower case, no dot at the end.
 *
 * Addresses in any spelling are told from names by the rule of the URL standard: a host whose last label is a number is an
 * IPv4 address (`127.0.0.1`, `0x7f.1`, `2130706433`), and one in brackets or with a colon is IPv6.
 */
import { domainToASCII } from "node:url";

export type HostName =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "address" }
  | { readonly kind: "malformed" };

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** What a host on the wire is. Letters beyond ASCII are malformed there: clients spell them in punycode. */
export function readHostName(text: string): HostName {
  if (/[[\]:]/.test(text)) return { kind: "address" };
  const name = text.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return { kind: "address" };
  const wellFormed = name.length <= 253 && labels.every((part) => label.test(part));
  return wellFormed ? { kind: "name", name } : { kind: "malformed" };
}

/** The same for a name that a person wrote, in whatever letters. */
export function readWrittenHostName(text: string): HostName {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is told apart
  if (/^[\x00-\x7f]*$/.test(text)) return readHostName(text);
  const ascii = domainToASCII(text);
  return ascii === "" ? { kind: "malformed" } : readHostName(ascii);
}

export interface Authority {
  readonly host: string;
  readonly port: number;
}

/** `host:port` as the target of CONNECT spells it; `undefined` for anything else. */
export function readAuthority(text: string, defaultPort?: number): Authority | undefined {
  const match = /^(\[[0-9a-f:.%]*\]|[^\s:@/?#[\]\\]+)(?::([0-9]{1,5}))?$/i.exec(text);
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (match === null || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host: match[1]!, port };
}
