import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PackageViews } from "#src/sandbox/packages/index.js";
import { packagePart } from "#src/sandbox/packages/part.js";

let root: string;
let modules: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "packages-")));
  chmodSync(root, 0o755);
  modules = join(root, "node_modules");
  mkdirSync(modules);
});
afterEach(() => rmSync(root, { recursive: true }));

function npm(path: string, version: string, manifest: object = {}): void {
  mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, path, "package.json"), JSON.stringify({ version, ...manifest }));
}

async function shown(...entries: string[]) {
  const view = await new PackageViews({ nodeModules: [modules] }).view("javascript", entries);
  return { ...view, targets: view.binds.map(({ target }) => target) };
}

test("a view has the package, its dependencies beside it and in it, and nothing else", async () => {
  npm("node_modules/a", "1.2.3", { dependencies: { b: "^1", "@s/c": "*" }, devDependencies: { dev: "*" } });
  npm("node_modules/b", "1.0.0", { dependencies: { d: "^1" }, optionalDependencies: { absent: "*" } });
  npm("node_modules/b/node_modules/d", "1.0.0", { dependencies: { e: "*" } });
  npm("node_modules/d", "2.0.0");
  npm("node_modules/@s/c", "3.0.0", {
    peerDependencies: { p: "*", q: "*", gone: "*" },
    peerDependenciesMeta: { q: { optional: true } },
  });
  for (const name of ["dev", "e", "p"]) npm(`node_modules/${name}`, "1.0.0");
  const { targets, versions, unmet, importNames, roots } = await shown("a@^1.2");
  expect(targets).toEqual(["@s/c", "a", "b", "e", "p"].map((name) => `/node_modules/${name}`));
  expect(versions).toEqual({ "@s/c": "3.0.0", a: "1.2.3", b: "1.0.0", e: "1.0.0", p: "1.0.0" });
  expect(unmet).toEqual(["@s/c requires gone@*, which is not installed"]);
  expect(importNames).toEqual(["a"]);
  expect(roots).toEqual(["/node_modules"]);
});

test("a store of links is shown flat, and refused where it has two versions of one package", async () => {
  npm(".store/node_modules/.s/a/node_modules/a", "1.0.0", { dependencies: { b: "1" } });
  npm(".store/node_modules/.s/b1/node_modules/b", "1.0.0");
  npm(".store/node_modules/.s/b2/node_modules/b", "2.0.0");
  symlinkSync(
    join(root, ".store/node_modules/.s/b1/node_modules/b"),
    join(root, ".store/node_modules/.s/a/node_modules/b"),
  );
  symlinkSync(join(root, ".store/node_modules/.s/a/node_modules/a"), join(modules, "a"));
  symlinkSync(join(root, ".store/node_modules/.s/b2/node_modules/b"), join(modules, "b"));
  const { binds } = await shown("a");
  expect(binds).toContainEqual({
    source: join(root, ".store/node_modules/.s/b1/node_modules/b"),
    target: "/node_modules/b",
  });
  await expect(shown("a", "b")).rejects.toThrow(/two versions of "b": 1.0.0 in .* and 2.0.0 in/);
});

test("a link to a working copy is refused, for it would show all that lies there", async () => {
  npm("work/mine", "1.0.0");
  symlinkSync(join(root, "work/mine"), join(modules, "mine"));
  await expect(shown("mine")).rejects.toThrow(/"mine" is a link to .*work\/mine/);
});

test("what is not there is an error that says how to install it", async () => {
  npm("node_modules/a", "1.2.3");
  await expect(shown("b")).rejects.toThrow(
    /"b" is not installed \(searched .*node_modules\): install it with "npm install b"/,
  );
  await expect(shown("a@^2")).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
  await expect(shown("a@^2")).rejects.toThrow(/version 1.2.3 is installed in/);
  const nowhere = new PackageViews({ nodeModules: [join(root, "none")] });
  await expect(nowhere.view("javascript", ["a"])).rejects.toThrow(/no node_modules directory/);
});

test("a package that is upgraded is another view", async () => {
  npm("node_modules/@s/a", "1.0.0");
  const views = new PackageViews({ nodeModules: [modules] });
  const first = await views.view("javascript", ["@s/a"], 0);
  rmSync(join(modules, "@s/a"), { recursive: true });
  npm("node_modules/@s/a", "1.0.1");
  const second = await views.view("javascript", ["@s/a"], 10_000);
  expect(second.versions).toEqual({ "@s/a": "1.0.1" });
  expect(second.digest).not.toBe(first.digest);
});

test("a view as a part of a sandbox hides the folder first and shows the packages in it", async () => {
  npm("node_modules/a", "1.0.0");
  const view = await shown("a");
  const part = packagePart(view);
  expect(part.key).toBe(`packages:${view.digest}`);
  expect(part.mounts).toEqual([
    { type: "empty", target: "/node_modules" },
    { type: "read-only", source: join(modules, "a"), target: "/node_modules/a" },
  ]);
});

test("a part hands on what the view says about its data", () => {
  const view = { language: "python", digest: "d", roots: [], binds: [], versions: {}, unmet: [] } as const;
  const data = [{ source: "/a", target: "/usr/share/a" }];
  const part = packagePart({ ...view, data, environment: { A: "/usr/share/a" }, importNames: ["a"] });
  expect(part).toMatchObject({
    environment: { A: "/usr/share/a" },
    preload: ["a"],
    mounts: [{ target: "/usr/share/a" }],
  });
});

test("one list serves each language with what that has, and an entry that none has is an error", async () => {
  npm("node_modules/a-package-of-npm", "1.0.0");
  npm("node_modules/@s/c", "1.0.0");
  const site = join(root, "site-packages");
  mkdirSync(join(site, "Of_Python-2.0.dist-info"), { recursive: true });
  writeFileSync(join(site, "Of_Python-2.0.dist-info/METADATA"), "Name: Of.Python\nVersion: 2.0\n\n");
  writeFileSync(join(site, "of_python.py"), "");
  const views = new PackageViews({ nodeModules: [modules], siteDirectories: [site] });
  const list = ["a-package-of-npm", "of-python>=1", "@s/c@^1", "of-python"];
  expect((await views.view("javascript", list)).versions).toEqual({ "@s/c": "1.0.0", "a-package-of-npm": "1.0.0" });
  expect((await views.view("python", list)).versions).toEqual({ "of-python": "2.0" });
  for (const language of ["python", "javascript"] as const)
    await expect(views.view(language, [...list, "nowhere"])).rejects.toThrow(/"nowhere" is not installed/);
  await expect(views.view("python", ["of-python>=3", "a-package-of-npm"])).rejects.toThrow(/version 2.0 is installed/);
});
