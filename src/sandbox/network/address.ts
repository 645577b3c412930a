/**
 * Which addresses are of the public internet.
 *
 * An allowed name says nothing about where it points: whoever holds its DNS can point it at this machine, at its neighbours or at a
 * cloud's metadata service ("DNS rebinding"). So every address is checked, and the one that was checked is dialled.
 * IPv4 after the IANA special-purpose registry; of IPv6 only global unicast (2000::/3) less what carries an IPv4 address or is set
 * aside, which leaves out mapped, NAT64, unique local, link-local, site-local and multicast addresses at once.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

const refused = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carrier-grade NAT, and one cloud's metadata service
  ["127.0.0.0", 8],
  ["168.63.129.16", 32], // a cloud's services for its guests, on a public address
  ["169.254.0.0", 16], // link-local, and most clouds' metadata service
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  refused.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["2001::", 23], // special purposes, Teredo among them
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4
  ["3fff::", 20],
] as const)
  refused.addSubnet(network, prefix, "ipv6");

const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");

/** Whether an address, in the form that a resolver gives, is public and none of this machine's own. */
export function isPublicAddress(address: string): boolean {
  if (isOwnAddress(address)) return false;
  if (isIPv4(address)) return !refused.check(address, "ipv4");
  return (
    isIPv6(address) && !address.includes("%") && globalUnicast.check(address, "ipv6") && !refused.check(address, "ipv6")
  );
}

/** A service that listens on every interface answers on the machine's public address too. */
function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((known) => known?.some((entry) => entry.address === address));
}
