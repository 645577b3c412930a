/** The reference is what the code says of itself, and leaves nothing public unsaid. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { exitCode } from "#src/cli/exit-code.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "reference-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("the reference", () => {
  const script = join(root, "scripts/build-reference.mjs");

  it("is current, and every public name says what its readers need (npm run build:reference)", () => {
    const { stdout, stderr, status } = spawnSync("node", [script, "--check"], { encoding: "utf8" });
    expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
  });

  it.each([
    [
      "export declare function undocumented(): void;",
      ["undocumented has no doc comment", "undocumented has no example"],
    ],
    ["/** Said. */\nexport interface Fields { readonly silent: number; }", ["Fields .silent has no doc comment"]],
    [
      "/** Said. */\nexport interface SomeOptions {\n  /** How often. */\n  readonly often?: number;\n}",
      ["SomeOptions .often does not say its default"],
    ],
    ["/** Said. Default 3. */\nexport type Fine = 3;", []],
  ])("would miss what is missing from %j", (declarations, missing) => {
    const folder = mkdtempSync(join(scratch, "case-"));
    writeFileSync(join(folder, "testing.d.ts"), `${declarations}\n`);
    const { stdout } = spawnSync("node", [script, "--check", "--declarations", folder], { encoding: "utf8" });
    expect(stdout.split("\n").filter(Boolean)).toEqual(missing.map((what) => `testing: ${what}`));
  });

  it("follows names through files, and tells types that have no name outside", () => {
    const folder = mkdtempSync(join(scratch, "case-"));
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "testing.d.ts"), 'export * from "./deep/a.js";\n');
    writeFileSync(join(folder, "deep/a.d.ts"), 'export { type Told as Renamed } from "./b.js";\n');
    writeFileSync(join(folder, "deep/b.d.ts"), "/** Said. */\nexport interface Told {}\nexport interface Hidden {}\n");
    const { stdout, status } = spawnSync("node", [script, "--check", "--declarations", folder], { encoding: "utf8" });
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
  });
});

describe("the page on errors", () => {
  const page = read("docs/errors.md");
  const firstCells = (from: string, to = "\n## "): string[] => {
    const section = page.slice(page.indexOf(from));
    return [...section.slice(0, section.indexOf(to, 3)).matchAll(/^\| `?([\w-]+)`? \|/gm)].map((match) => match[1]!);
  };

  it("tells every code of the engine, each with a meaning and a remedy, and no other", () => {
    const declared = /export type ErrorCode =([^;]+);/.exec(read("src/model/error.ts"))![1]!;
    const codes = [...declared.matchAll(/"([A-Z_]+)"/g)].map((match) => match[1]!);
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)];
    expect(rows.map((row) => row[1]!).sort()).toEqual(codes.sort());
    expect(codes.length).toBeGreaterThan(30);
  });

  it("tells codes that something gives", () => {
    const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && file !== "model/error.ts" && !file.startsWith("cli/"))
      .map((file) => read(`src/${file}`))
      .concat(read("src/model/error.ts").replace(/export type ErrorCode[^;]+;/, ""))
      .join("\n");
    const codes = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]!);
    expect(codes.filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
  });

  it("tells every reason of a failure", () => {
    const declared = read("src/model/result.ts").match(/export type FailureReason =[\s\S]+?;\n\n/)![0];
    const kinds = [...declared.matchAll(/kind: "([\w-]+)"/g)].map((match) => match[1]!);
    expect(
      firstCells("## Reasons")
        .filter((kind) => kind !== "kind")
        .sort(),
    ).toEqual(kinds.sort());
  });

  it("tells every exit code", () => {
    const told = firstCells("## Exit codes", "\n\n## end").concat(
      [...page.slice(page.indexOf("## Exit codes")).matchAll(/^\| (\d+) \|/gm)].map((match) => match[1]!),
    );
    for (const code of Object.values(exitCode)) expect(told).toContain(String(code));
  });
});

describe("pages", () => {
  it("are all in the reading order of docs/README.md", () => {
    const index = read("docs/README.md");
    const pages = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "docs/*.md"], {
      cwd: root,
      encoding: "utf8",
    })
      .trim()
      .split("\n")
      .map((path) => path.slice("docs/".length))
      .filter((path) => path !== "README.md" && !/^reference\/(?!README)/.test(path));
    expect(pages.filter((path) => !index.includes(`(${path})`))).toEqual([]);
  });
});
