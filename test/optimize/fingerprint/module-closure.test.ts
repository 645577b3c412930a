import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { moduleClosure } from "#src/optimize/fingerprint/module-closure.js";

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "orchestrator-closure-")));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function closureOf(entry: string, files: Readonly<Record<string, string>>) {
  for (const [name, source] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), source);
  }
  const { files: found, packages } = await moduleClosure(pathToFileURL(join(folder, entry)).href);
  return { files: found.map((file) => relative(folder, file)).sort(), packages };
}

describe("the code that a module brings along", () => {
  test("is every local file that it imports, in whatever form, and so on", async () => {
    const files = {
      "a.mjs":
        'import "./b.mjs"; export * from /* a comment */ "./c.mjs"; const d = await import("./sub/d.mjs"); import fs from "node:fs";',
      "b.mjs": 'import data from "./data.json" with { type: "json" };\nimport "./a.mjs";',
      "c.mjs":
        'import { createRequire } from "node:module"; const require = createRequire(import.meta.url); require("./old.cjs");',
      "sub/d.mjs": 'export { x } from "../x.mjs";',
      "x.mjs": "export const x = 1;",
      "data.json": "{}",
      "old.cjs": 'const older = require("./older"); require("fs");',
      "older.js": "module.exports = 1;",
      "unused.mjs": "",
    };
    expect(await closureOf("a.mjs", files)).toEqual({
      files: ["a.mjs", "b.mjs", "c.mjs", "data.json", "old.cjs", "older.js", "sub/d.mjs", "x.mjs"],
      packages: [],
    });
  });

  test("names installed packages by their versions, and follows linked ones", async () => {
    await mkdir(join(folder, "node_modules/@scope"), { recursive: true });
    await mkdir(join(folder, "linked"), { recursive: true });
    await symlink(join(folder, "linked"), join(folder, "node_modules/linked"));
    const files = {
      "a.mjs": 'import "plain/sub"; import "@scope/named"; import "linked";',
      "node_modules/plain/package.json": '{"name":"plain","version":"1.2.3"}',
      "node_modules/@scope/named/package.json": '{"name":"@scope/named","version":"2.0.0"}',
      "linked/package.json": '{"name":"linked","version":"0.0.0","main":"main.cjs"}',
      "linked/main.cjs": 'require("./part.cjs")',
      "linked/part.cjs": "",
    };
    expect(await closureOf("a.mjs", files)).toEqual({
      files: ["a.mjs", "linked/main.cjs", "linked/part.cjs"],
      packages: ["@scope/named@2.0.0", "plain@1.2.3"],
    });
  });

  test("cannot be known where an import leads nowhere", async () => {
    await expect(closureOf("a.mjs", { "a.mjs": 'import "./gone.mjs";' })).rejects.toMatchObject({
      code: "NOT_KEYABLE",
      message: expect.stringContaining('its import "./gone.mjs" leads to no file'),
    });
    await expect(closureOf("b.mjs", { "b.mjs": 'import "no-such-package";' })).rejects.toMatchObject({
      code: "NOT_KEYABLE",
    });
    // What only looks like an import is none.
    expect(
      await closureOf("c.mjs", { "c.mjs": '// require("./gone.mjs")\nexport const text = `import "./gone"`;' }),
    ).toEqual({
      files: ["c.mjs"],
      packages: [],
    });
  });
});
