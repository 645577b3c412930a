/** Views in real sandboxes: what is allowed can be imported, and nothing else is there to import (S29). */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SandboxManager } from "#src/sandbox.js";
import { present } from "../../support/require-component.js";

const manager = new SandboxManager();
let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "folders-"));
  chmodSync(root, 0o755);
  for (const name of ["shown", "hidden"]) {
    write(`venv/site-packages/${name}/__init__.py`, `import os\nwhere = __file__\n`);
    write(`venv/site-packages/${name}-1.5.dist-info/METADATA`, `Name: ${name}\nVersion: 1.5\n\n`);
    write(
      `venv/site-packages/${name}-1.5.dist-info/RECORD`,
      `${name}/__init__.py,,\n${name}-1.5.dist-info/METADATA,,\n`,
    );
    write(`node_modules/${name}/package.json`, JSON.stringify({ version: "2.0.0", main: "main.js" }));
    write(`node_modules/${name}/main.js`, `module.exports = "${name} of npm";`);
  }
  write("venv/site-packages/loose.py", "");
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await manager.close();
});

async function run(language: string, code: string, allowedPackages: string[]): Promise<string> {
  const packageFolders = [join(root, "venv/site-packages"), join(root, "node_modules")];
  const result = await manager.executeCode(code, { language }, { allowedPackages, packageFolders, timeLimit: 60 });
  return result.stdout + result.stderr;
}

const ways = `import importlib, sys, subprocess, ctypes
def attempt(what, name):
  try: what(name); print("SEEN", name)
  except Exception: pass
for name in ("hidden", "loose", "yaml", "apt_pkg", "pip"):
  attempt(__import__, name); attempt(importlib.import_module, name)
  attempt(lambda name: exec("import " + name), name)
  attempt(lambda name: subprocess.run([sys.executable, "-c", "import " + name], check=True, capture_output=True), name)
  attempt(lambda name: importlib.metadata.version(name), name)
import glob
print("LEFT", sorted(p for folder in ("/usr/lib", "/usr/local/lib") for p in glob.glob(folder + "/python3*/*-packages/*")))
`;

test("Python sees what is allowed, under its version, and nothing else by any way", async () => {
  const said = await run(
    "python",
    `import shown, importlib.metadata\nprint(shown.where, importlib.metadata.version("shown"))\n${ways}`,
    ["shown>=1"],
  );
  expect(said).toMatch(/^\S+\/shown\/__init__.py 1\.5$/m);
  expect(said).not.toContain("SEEN");
  expect(said).toMatch(/LEFT \['[^']*\/shown', '[^']*\/shown-1.5.dist-info'\]/);
  expect(said).not.toContain(root);
});

test("Python sees the standard library alone where nothing is allowed", async () => {
  expect(await run("python", `import json, sqlite3\n${ways}`, [])).toBe("LEFT []\n");
});

test("JavaScript sees what is allowed by require and by import, and nothing else", async () => {
  const code = `console.log(require("shown"));
for (const name of ["hidden", "npm", "/usr/lib/node_modules/npm"]) try { require(name); console.log("SEEN", name); } catch {}
import("shown").then((module) => console.log(module.default, require("fs").readdirSync("/node_modules").join()));`;
  expect(await run("javascript", code, ["shown@^2"])).toBe("shown of npm\nshown of npm shown\n");
  expect(
    await run(
      "javascript",
      `try { require("shown"); console.log("SEEN"); } catch (error) { console.log(error.code); }`,
      [],
    ),
  ).toBe("MODULE_NOT_FOUND\n");
});

test("what is shown cannot be written, nor anything put beside it", async () => {
  const said = await run(
    "python",
    `import shown, os
for path in (shown.where, os.path.dirname(shown.where) + "/new.py", os.path.dirname(os.path.dirname(shown.where)) + "/evil.pth"):
  try: open(path, "a").write("x"); print("WROTE", path)
  except OSError as error: print(error.strerror)`,
    ["shown"],
  );
  expect(said).toMatch(/^((Read-only file system|Permission denied)\n){3}$/);
});

test.runIf(present("pandas"))("the pandas program of the reference gives its sums", async () => {
  const code = `import pandas as pd
df = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
result = df.sum()`;
  const result = await manager.executeCode(
    code,
    { language: "python" },
    { allowedPackages: ["pandas>=1"], timeLimit: 60 },
  );
  expect(result.output).toMatch(/a\s+6\nb\s+15/);
  expect(result.success).toBe(true);
});

test.runIf(present("root"))("a folder that the users of sandboxes cannot enter is an error that names it", async () => {
  chmodSync(join(root, "venv"), 0o700);
  try {
    await expect(run("python", "import shown", ["shown>0"])).rejects.toThrow(`chmod o+x ${join(root, "venv")}`);
  } finally {
    chmodSync(join(root, "venv"), 0o755);
  }
});

test.runIf(present("matplotlib"))("matplotlib draws without a word of complaint", async () => {
  const code = `import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title("α")\nplt.savefig("plot.png")\nprint("drawn")`;
  for (const warm of [false, true]) {
    const config = { allowedPackages: ["matplotlib"], timeLimit: 60, warm };
    const result = await manager.executeCode(code, { language: "python" }, config);
    expect([result.stdout, result.stderr]).toEqual(["drawn\n", ""]);
    expect(result.artifacts.map(({ name }) => name)).toContain("plot.png");
  }
});

test("a package that is not installed is an error before any code has run", async () => {
  const config = { allowedPackages: ["surely-not-installed"] };
  await expect(manager.executeCode("print(1)", { language: "python" }, config)).rejects.toMatchObject({
    code: "PACKAGE_NOT_FOUND",
    message: expect.stringContaining("pip install"),
  });
});
