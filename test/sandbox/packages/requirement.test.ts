import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allowedPackagesProblems } from "#src/sandbox/packages/allowed-list.js";
import { packageFoldersProblems } from "#src/sandbox/packages/folders.js";
import { PackageViews, sourcesWith } from "#src/sandbox/packages/index.js";
import { parseNpmRequirement } from "#src/sandbox/packages/javascript/requirement.js";
import { normaliseName } from "#src/sandbox/packages/python/name.js";
import { parseAllowedDistribution, parseRequirement } from "#src/sandbox/packages/python/requirement.js";
import { askOracle, hasOracle } from "./oracle.js";

describe("an allowed distribution", () => {
  test.each([
    ["requests", "requests", 0],
    ["pandas>=1.5", "pandas", 1],
    ["  pandas >= 1.5, <3  ", "pandas", 2],
    ["Ruamel.YAML__clib==1.*", "ruamel-yaml-clib", 1],
    ["zope.interface", "zope-interface", 0],
  ])("%s is taken", (entry, key, specifiers) => {
    const requirement = parseAllowedDistribution(entry);
    expect(requirement.key).toBe(key);
    expect(requirement.specifiers).toHaveLength(specifiers);
  });

  test.each([
    ["numpy @ file:///etc", "URL"],
    ["numpy@https://x.test/n.whl", "URL"],
    ["git+https://x.test/n", "URL"],
    ["-r /etc/passwd", "option"],
    ["--index-url=http://x.test", "option"],
    [" -e .", "option"],
    ["pandas;os_name", "marker"],
    ['pandas ; python_version < "3"', "marker"],
    ["pandas[all]", "extras"],
    ["../x", "path"],
    ["./x", "path"],
    ["/etc/passwd", "path"],
    ["a\\b", "path"],
    ["..", "path"],
    ["pandas\n--index-url=x", "control"],
    ["pandas\0", "control"],
    ["", "nothing"],
    ["   ", "nothing"],
    ["pandas requests", "specifier"],
    ["pandas,requests", "specifier"],
    ["pandas=1.5", "specifier"],
    ["pandas>=", "version"],
    ["_pandas", "name"],
    ["pandas-", "name"],
    ["pаndas", "ASCII"],
    ["a".repeat(201), "characters"],
  ])("%j is refused for its %s", (entry, word) => {
    expect(() => parseAllowedDistribution(entry)).toThrow(new RegExp(word));
  });

  test("never reads anything but a name with specifiers, whatever it is given", () => {
    const pieces = fc.constantFrom(
      "pandas",
      ">=1.5",
      "==1.*",
      ",",
      " ",
      "[",
      "]",
      ";",
      "@",
      "/",
      "-",
      "..",
      "\n",
      "~=1.2",
      "a.b",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join("")),
        ),
        (entry) => {
          try {
            expect(parseAllowedDistribution(entry).key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
            expect(entry).toMatch(/^ *[A-Za-z0-9][A-Za-z0-9._-]* *([<>=!~].*)?$/s);
            expect(entry).not.toMatch(/[/\\@;[\]\n\0]/);
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("names are normalised as PEP 503 says", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?$/), (name) => {
        expect(normaliseName(name)).toBe(name.replace(/[-_.]+/g, "-").toLowerCase());
        expect(normaliseName(normaliseName(name).toUpperCase().replaceAll("-", "_."))).toBe(normaliseName(name));
      }),
    );
  });
});

describe("a requirement of metadata", () => {
  const texts = [
    "numpy<1.27.0,>=1.19.5",
    "numpy (>=1.19.5,<1.27.0)",
    'pytest ; extra == "test"',
    "requests[security,socks]>=2.8.1 ; python_version < '2.7'",
    "PySocks!=1.5.7,>=1.5.6; extra == 'socks'",
    "foo @ https://example.test/foo.zip",
    "chardet",
    "a.b-c_d ~= 1.4.2",
    "six>=1.5,",
    "no way",
    "[extra]",
    "foo (>=1",
    "==1.0",
    "",
  ];

  test("is read as packaging reads it", () => {
    const ours = texts.map((text) => {
      try {
        const { name, extras, specifiers, marker } = parseRequirement(text);
        return [name, [...extras].sort(), specifiers.length, marker !== undefined];
      } catch {
        return "refused";
      }
    });
    expect(ours[3]).toEqual(["requests", ["security", "socks"], 1, true]);
    expect(ours.at(-1)).toBe("refused");
    if (!hasOracle) return;
    const body = `from packaging.requirements import Requirement, InvalidRequirement
def answer(text):
  try: found = Requirement(text)
  except InvalidRequirement: return "refused"
  return [found.name, sorted(found.extras), len(found.specifier), found.marker is not None]`;
    expect(ours).toEqual(askOracle(body, texts));
  });
});

describe("an allowed npm package", () => {
  test.each([
    ["lodash", "lodash", "*"],
    ["lodash@^4.17", "lodash", ">=4.17.0 <5.0.0-0"],
    ["@scope/name", "@scope/name", "*"],
    ["@scope/name@>=1 <3 || 5.x", "@scope/name", ">=1.0.0 <3.0.0-0||>=5.0.0 <6.0.0-0"],
    ["a@1.2.3", "a", "1.2.3"],
  ])("%s is taken", (entry, name, range) => {
    expect(parseNpmRequirement(entry)).toEqual({ name, range });
  });

  test.each([
    ["lodash@npm:evil", "alias"],
    ["git+ssh://git@x.test/a.git", "URL"],
    ["lodash@https://x.test/a.tgz", "URL"],
    ["file:../x", "URL"],
    ["lodash@file:/etc", "URL"],
    ["github:a/b", "URL"],
    ["owner/repository", "path"],
    ["../x", "path"],
    ["/etc", "path"],
    ["~/x", "path"],
    ["@scope/../x", "path"],
    ["--registry=x", "option"],
    ["lodash@latest", "range"],
    ["lodash@", "range"],
    ["Lodash", "name"],
    ["lodаsh", "ASCII"],
    ["node_modules", "name"],
    ["@scope", "name"],
    ["a b", "name"],
    ["lodash\0", "control"],
    ["", "nothing"],
  ])("%j is refused for its %s", (entry, word) => {
    expect(() => parseNpmRequirement(entry)).toThrow(new RegExp(word));
  });
});

describe("a list of allowed packages", () => {
  test("names every entry that no language takes, and only those", () => {
    const entries = ["pandas>=1.5", "@scope/name@^1", "-r x", "lodash", 7, "numpy @ file:///etc"];
    const problems = allowedPackagesProblems("allowedPackages", entries);
    expect(problems.map(({ where }) => where)).toEqual([
      "allowedPackages[2]",
      "allowedPackages[4]",
      "allowedPackages[5]",
    ]);
    expect(problems[2]!.message).toContain('"numpy @ file:///etc"');
  });

  test("is looked for in folders that exist, told apart by their names", () => {
    const entries = ["/tmp", "relative", "/does/not/exist", "/etc/passwd", 5, "/tmp\0"];
    const wrong = packageFoldersProblems("packageFolders", entries).map(({ where }) => where);
    expect(wrong).toEqual([1, 2, 3, 4, 5].map((index) => `packageFolders[${index}]`));
    const { siteDirectories, nodeModules } = sourcesWith("/usr/bin/python3", [
      "/a/node_modules",
      "/venv/site-packages",
    ]);
    expect(siteDirectories).toEqual(["/venv/site-packages"]);
    expect(nodeModules?.[0]).toBe("/a/node_modules");
  });

  test("is refused as a whole, by entry, where one is of no use to any language", async () => {
    const views = new PackageViews();
    await expect(views.view("python", ["requests", "-e", "../x"])).rejects.toMatchObject({
      code: "INVALID_OPTION",
      problems: [{ where: "allowedPackages[1]" }, { where: "allowedPackages[2]" }],
    });
  });
});
