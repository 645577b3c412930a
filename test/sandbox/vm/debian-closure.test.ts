/** Which packages an image is made of, by what dpkg says of them. */
import { expect, test } from "vitest";
import { installedPackages } from "#src/sandbox/backend/vm/image/debian-closure.js";

test.each([
  ["installed", true],
  ["triggers-pending", true],
  ["triggers-awaited", true],
  ["half-configured", true],
  ["unpacked", true],
  ["half-installed", false],
  ["config-files", false],
  ["not-installed", false],
])("a package in state %s: its files are there: %s", (state, isThere) => {
  const status = `Package: libc-bin\nEssential: yes\nStatus: install ok ${state}\nVersion: 2.36\n\nPackage: other\nStatus: install ok installed\nDepends: a (>= 1) | b, c\n`;
  const installed = installedPackages(status);
  expect(installed.has("libc-bin")).toBe(isThere);
  expect(installed.get("other")?.depends).toEqual([["a", "b"], ["c"]]);
});
