import { networkInterfaces } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPublicAddress } from "#src/sandbox/network/address.js";
import { allowedDomainsProblems, matchesName, parseDomainRule } from "#src/sandbox/network/domain-rule.js";
import { readAuthority, readHostName } from "#src/sandbox/network/host-name.js";

describe("an allowed domain", () => {
  test.each([
    ["api.example.com:443", { name: "api.example.com", wildcard: false, port: 443 }],
    ["api.example.com", { name: "api.example.com", wildcard: false, port: 443 }],
    ["API.Example.COM.:8443", { name: "api.example.com", wildcard: false, port: 8443 }],
    ["*.example.org:443", { name: "example.org", wildcard: true, port: 443 }],
    ["bücher.example:80", { name: "xn--bcher-kva.example", wildcard: false, port: 80 }],
    ["exаmple.test:443", { name: "xn--exmple-4nf.test", wildcard: false, port: 443 }],
  ])("%s is taken", (entry, rule) => {
    expect(parseDomainRule(entry)).toEqual(rule);
  });

  test.each([
    ["https://example.com", "URL"],
    ["example.com/path:443", "character"],
    ["user@example.com:443", "character"],
    ["evil.com#.example.test:443", "character"],
    ["example.com:443 ", "character"],
    ["example.com:0", "port"],
    ["example.com:65536", "port"],
    ["example.com:https", "port"],
    ["example.com:", "port"],
    ["127.0.0.1:443", "address"],
    ["0x7f.1:443", "address"],
    ["2130706433:443", "address"],
    ["[::1]:443", "address"],
    ["::1", "address"],
    ["*:443", "name"],
    ["*.*.example.com:443", "name"],
    ["a.*.com:443", "name"],
    ["*.com:443", "domain"],
    ["localhost:443", "domain"],
    ["-a.example.com:443", "name"],
    ["a..example.com:443", "name"],
    ["", "name"],
    [`${"a".repeat(64)}.example.com:443`, "name"],
  ])("%j is refused for its %s", (entry, word) => {
    expect(() => parseDomainRule(entry)).toThrow(new RegExp(word));
  });

  test("is named in a list of problems", () => {
    const problems = allowedDomainsProblems("allowedDomains", ["example.com:443", "10.0.0.1:80", 5]);
    expect(problems.map(({ where }) => where)).toEqual(["allowedDomains[1]", "allowedDomains[2]"]);
  });

  test.each([
    ["example.test:443", "example.test", true],
    ["example.test:443", "notexample.test", false],
    ["example.test:443", "a.example.test", false],
    ["*.example.test:443", "a.example.test", true],
    ["*.example.test:443", "a.b.example.test", true],
    ["*.example.test:443", "example.test", false],
    ["*.example.test:443", "notexample.test", false],
    ["example.test:443", "xn--exmple-4nf.test", false],
  ])("%s and %s: %s", (entry, name, expected) => {
    expect(matchesName(parseDomainRule(entry), name)).toBe(expected);
  });
});

describe("a host on the wire", () => {
  test.each([
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "[::1]",
    "::ffff:127.0.0.1",
    "1.2.3.4.",
    "a.0x",
  ])("%s is an address in some spelling", (text) => {
    expect(readHostName(text)).toEqual({ kind: "address" });
  });

  test.each(["", ".", "a..b", "a b", "exаmple.test", "a\0b", "a/b", "user@host", "a%2eb", `${"a.".repeat(130)}com`])(
    "%j is malformed",
    (text) => {
      expect(readHostName(text)).toEqual({ kind: "malformed" });
    },
  );

  test("is compared in lower case, without a dot at its end", () => {
    expect(readHostName("EXAMPLE.test.")).toEqual({ kind: "name", name: "example.test" });
  });

  test("that reads as a name never looks like an address to a URL", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-fxA-FX.o-]{1,20}$/), (text) => {
        const read = readHostName(text);
        if (read.kind !== "name") return;
        let host: string;
        try {
          host = new URL(`http://${text}/`).hostname;
        } catch {
          return;
        }
        expect(host.replace(/\.$/, "")).toBe(read.name);
        expect(host).not.toMatch(/^[0-9.]+$/);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["a.test:443", { host: "a.test", port: 443 }],
    ["[::1]:443", { host: "[::1]", port: 443 }],
    ["a.test", undefined],
    ["a.test:0", undefined],
    ["a.test:99999", undefined],
    ["user@a.test:443", undefined],
    ["a.test:443/x", undefined],
    ["http://a.test:443", undefined],
    ["a.test :443", undefined],
    ["a.test:443\r\nX: y", undefined],
  ])("%j as an authority", (text, expected) => {
    expect(readAuthority(text)).toEqual(expected);
  });
});

describe("addresses", () => {
  test.each([
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.2",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "",
    "localhost",
    "example.com",
    "1.2.3",
    "0x7f.1",
  ])("%s may not be dialled", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])(
    "%s may be dialled",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test("of this machine may not be dialled, public or not", () => {
    for (const known of Object.values(networkInterfaces()))
      for (const { address } of known ?? []) expect(isPublicAddress(address), address).toBe(false);
  });
});
