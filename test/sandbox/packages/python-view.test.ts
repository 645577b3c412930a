import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PackageViews } from "#src/sandbox/packages/index.js";
import { readPythonEnvironment } from "#src/sandbox/packages/python/environment.js";
import { parseAllowedDistribution } from "#src/sandbox/packages/python/requirement.js";
import { resolvePythonView } from "#src/sandbox/packages/python/resolve.js";
import { present } from "../../support/require-component.js";

const interpreter = "/usr/bin/python3";
let root: string;
let site: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "packages-"));
  chmodSync(root, 0o755);
  site = join(root, "site");
  mkdirSync(site);
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text = ""): void {
  const absolute = join(root, path);
  mkdirSync(dirname(absolute), { recursive: true });
  writeFileSync(absolute, text);
}

/** A distribution as pip leaves it: dist-info with METADATA and RECORD. */
function wheel(name: string, version: string, files: readonly string[], requires: readonly string[] = []): void {
  const metadata = `${name.replaceAll("-", "_")}-${version}.dist-info`;
  for (const file of files) if (!file.startsWith("..")) write(`site/${file}`);
  const headers = [`Name: ${name}`, `Version: ${version}`, ...requires.map((text) => `Requires-Dist: ${text}`)];
  write(
    `site/${metadata}/METADATA`,
    `Metadata-Version: 2.1\n${headers.join("\n")}\n\nRequires-Dist: of-the-description\n`,
  );
  write(
    `site/${metadata}/RECORD`,
    [...files, `${metadata}/METADATA`, `${metadata}/RECORD`].map((file) => `${file},,\n`).join(""),
  );
}

async function view(...entries: string[]) {
  const environment = await readPythonEnvironment(interpreter);
  const isolated = { ...environment, siteDirectories: [site], ownSites: [site], dpkgDirectory: join(root, "dpkg") };
  const made = resolvePythonView(entries.map(parseAllowedDistribution), isolated);
  return { ...made, shown: made.binds.map(({ target }) => target.slice(site.length + 1)) };
}

describe("a view of wheels", () => {
  test("shows the distribution, what it requires in turn, and nothing else", async () => {
    wheel(
      "Alpha",
      "1.0",
      ["alpha/__init__.py", "alpha/deep/x.py", "../../bin/alpha"],
      ["beta>=2", "gamma ; extra == 'more'"],
    );
    wheel("beta", "2.1", ["beta.py"], ["delta ; python_version >= '3'", "epsilon ; sys_platform == 'win32'"]);
    for (const name of ["gamma", "delta", "epsilon", "other"]) wheel(name, "1", [`${name}/__init__.py`]);
    const { shown, versions, importNames, unmet, roots } = await view("ALPHA");
    expect(shown).toEqual([
      "Alpha-1.0.dist-info",
      "alpha",
      "beta-2.1.dist-info",
      "beta.py",
      "delta",
      "delta-1.dist-info",
    ]);
    expect(versions).toEqual({ alpha: "1.0", beta: "2.1", delta: "1" });
    expect(importNames).toEqual(["alpha"]);
    expect(unmet).toEqual([]);
    expect(roots).toEqual([site]);
  });

  test("follows the extras that a requirement names, and cycles", async () => {
    wheel("a", "1", ["a.py"], ["b[fast]"]);
    wheel("b", "1", ["b.py"], ["c ; extra == 'fast'", "a"]);
    wheel("c", "1", ["c.py"], ["a"]);
    expect(Object.keys((await view("a")).versions)).toEqual(["a", "b", "c"]);
    expect(Object.keys((await view("c")).versions)).toEqual(["a", "b", "c"]);
  });

  test("opens a namespace package that others share, and shows whole what is not shared", async () => {
    wheel("cloud-storage", "1", ["cloud/storage/__init__.py", "cloud/storage/x.py", "cloud_libs/lib.so"]);
    wheel("cloud-secrets", "1", ["cloud/secrets/__init__.py", "cloud/loose.py"]);
    expect((await view("cloud-storage")).shown).toEqual(["cloud/storage", "cloud_libs", "cloud_storage-1.dist-info"]);
    expect((await view("cloud-secrets")).shown).toEqual([
      "cloud/loose.py",
      "cloud/secrets",
      "cloud_secrets-1.dist-info",
    ]);
    expect((await view("cloud-secrets", "cloud-storage")).shown).toContain("cloud");
  });

  test("opens a namespace that is declared in code", async () => {
    wheel("ns-one", "1", ["ns/__init__.py", "ns/one/__init__.py"]);
    wheel("ns-two", "1", ["ns/__init__.py", "ns/two/__init__.py"]);
    write("site/ns/__init__.py", "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n");
    expect((await view("ns-one")).shown).toEqual(["ns/__init__.py", "ns/one", "ns_one-1.dist-info"]);
  });

  test("takes the compiled form of a single module along, and no .pth file of anybody else", async () => {
    wheel("single", "1", ["single.py"]);
    wheel("hook", "1", ["hook.py", "hook.pth"]);
    write("site/__pycache__/single.cpython-311.pyc");
    write("site/__pycache__/singleton.cpython-311.pyc");
    expect((await view("single")).shown).toEqual([
      "__pycache__/single.cpython-311.pyc",
      "single-1.dist-info",
      "single.py",
    ]);
    expect((await view("hook")).shown).toContain("hook.pth");
  });

  test("never shows what a record names outside the site directory", async () => {
    wheel("evil", "1", ["evil.py", "../../../etc/passwd", "x/../../../etc/shadow"]);
    write("site/evil-1.dist-info/RECORD", 'evil.py,,\n/etc/passwd,,\n../secret,,\n"x/../../secret",,\n');
    write("secret");
    expect((await view("evil")).shown).toEqual(["evil.py"]);
  });

  test("resolves links, for a bind of a link is a bind of nothing", async () => {
    wheel("linked", "1", []);
    write("elsewhere/linked/__init__.py");
    symlinkSync(join(root, "elsewhere/linked"), join(site, "linked"));
    write("site/linked-1.dist-info/RECORD", "linked/__init__.py,,\nlinked-1.dist-info/METADATA,,\n");
    const { binds } = await view("linked");
    expect(binds).toContainEqual({ source: join(root, "elsewhere/linked"), target: join(site, "linked") });
  });

  test("tells what the packages require and do not have", async () => {
    wheel("needy", "1", ["needy.py"], ["absent>=3", "old>=2"]);
    wheel("old", "1.5", ["old.py"]);
    const { unmet, shown } = await view("needy");
    expect(unmet).toEqual([
      "needy requires absent>=3, which is not installed",
      "needy requires old>=2, but 1.5 is installed",
    ]);
    expect(shown).toContain("old.py");
  });

  test("is another view when a file of it is another", async () => {
    wheel("x", "1", ["x.py"]);
    const before = (await view("x")).digest;
    expect((await view("x")).digest).toBe(before);
    utimesSync(join(site, "x.py"), 1, 1);
    expect((await view("x")).digest).not.toBe(before);
  });
});

describe("a view of older forms", () => {
  test("reads requires.txt and installed-files.txt of an egg-info directory", async () => {
    write("site/Egg_Name-1.2-py3.11.egg-info/PKG-INFO", "Name: Egg.Name\nVersion: 1.2\n");
    write(
      "site/Egg_Name-1.2-py3.11.egg-info/requires.txt",
      'single\n\n[:python_version < "3"]\nnever\n\n[docs]\nsphinx\n\n[docs:python_version > "3"]\nother\n',
    );
    write(
      "site/Egg_Name-1.2-py3.11.egg-info/installed-files.txt",
      "../egg_name/__init__.py\nPKG-INFO\n../../outside\n",
    );
    write("site/egg_name/__init__.py");
    wheel("single", "1", ["single.py"]);
    const { shown, unmet, versions } = await view("egg-name>=1.2");
    expect(versions).toEqual({ "egg-name": "1.2", single: "1" });
    expect(shown).toEqual(["Egg_Name-1.2-py3.11.egg-info/PKG-INFO", "egg_name", "single-1.dist-info", "single.py"]);
    expect(unmet).toEqual([]);
  });

  test("goes by top_level.txt, or by the name, where there is no record", async () => {
    write("site/Top-1.egg-info/PKG-INFO", "Name: Top\nVersion: 1\n");
    write("site/Top-1.egg-info/top_level.txt", "tip\n_tip\n");
    write("site/tip/__init__.py");
    write("site/_tip.cpython-311-x86_64-linux-gnu.so");
    write("site/tipster.py");
    write("site/plain-3.egg-info", "Name: plain\nVersion: 3\n");
    write("site/plain.py");
    expect((await view("top")).shown).toEqual(["Top-1.egg-info", "_tip.cpython-311-x86_64-linux-gnu.so", "tip"]);
    expect((await view("plain")).shown).toEqual(["plain-3.egg-info", "plain.py"]);
  });

  test("asks dpkg for what it owns, for parts without metadata, and for requirements that Debian took out", async () => {
    write("site/frames-1.egg-info/PKG-INFO", "Name: frames\nVersion: 1\n");
    write("site/frames/__init__.py");
    write("site/_frames_part.py");
    write("site/numbers-2.egg-info", "Name: numbers\nVersion: 2\n");
    write("site/numbers/__init__.py");
    write("site/suggested-1.egg-info", "Name: suggested\nVersion: 1\n");
    const list = (...paths: string[]) => ["/.", ...paths.map((path) => join(site, path))].join("\n");
    write("dpkg/info/python3-frames.list", list("frames-1.egg-info", "frames", "frames/__init__.py"));
    write("dpkg/info/python3-frames-lib:amd64.list", list("_frames_part.py"));
    write("dpkg/info/python3-numbers.list", list("numbers-2.egg-info", "numbers", "numbers/__init__.py"));
    write("dpkg/info/python3-suggested.list", list("suggested-1.egg-info"));
    const stanzas = [
      "Package: python3-frames\nDepends: libc6 (>= 2.3), python3-frames-lib (>= 1), python3-numbers-abi | python3:any\nSuggests: python3-suggested",
      "Package: python3-frames-lib\nDepends: libc6",
      "Package: python3-numbers\nProvides: python3-numbers-abi\nDescription: x\n of many lines",
      "Package: python3-suggested",
    ];
    write("dpkg/status", `${stanzas.join("\n\n")}\n`);
    const { shown, versions } = await view("frames");
    expect(versions).toEqual({ frames: "1", numbers: "2" });
    expect(shown).toEqual(["_frames_part.py", "frames", "frames-1.egg-info", "numbers", "numbers-2.egg-info"]);
  });
});

describe("what is not there", () => {
  test("is an error that says how to install it, with the nearest name", async () => {
    wheel("requests", "2.28.1", ["requests/__init__.py"]);
    await expect(view("request")).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
    await expect(view("request")).rejects.toThrow(
      /apt-get install python3-request".*-m pip install 'request'.*Did you mean "requests"/,
    );
  });

  test("is an error that says which version is there", async () => {
    wheel("requests", "2.28.1", ["requests/__init__.py"]);
    await expect(view("requests>=3")).rejects.toThrow(
      /"requests>=3": version 2.28.1 is installed in .*pip install 'requests>=3'/,
    );
    await expect(view("requests==2.*,!=2.28.1")).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
  });

  test("is an error where the interpreter is not there", async () => {
    const views = new PackageViews({ pythonInterpreter: join(root, "python3") });
    await expect(views.view("python", [])).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
  });
});

describe("a cache of views", () => {
  test("gives the same view until something is installed, and looks at most once a second", async () => {
    const views = new PackageViews({ siteDirectories: [site] });
    wheel("x", "1", ["x.py"]);
    const first = await views.view("python", ["x"], 0);
    expect(await views.view("python", ["x", "x"], 5000)).toBe(first);
    wheel("y", "1", ["y.py"]);
    expect(await views.view("python", ["x"], 5500)).toBe(first);
    const second = await views.view("python", ["x"], 10_000);
    expect(second).not.toBe(first);
    expect(second.digest).toBe(first.digest);
    rmSync(join(site, "x.py"));
    expect((await views.view("python", ["x"], 20_000)).digest).not.toBe(first.digest);
  });

  test("finds a virtual environment's distributions before the system's", async () => {
    wheel("pip", "99.1", ["pip/__init__.py"]);
    const { versions, binds, roots, importNames } = await new PackageViews({ siteDirectories: [site] }).view("python", [
      "pip",
    ]);
    const own = (await readPythonEnvironment(interpreter)).ownSites[0]!;
    expect(versions.pip).toBe("99.1");
    expect(binds).toContainEqual({ source: join(site, "pip"), target: `${own}/pip` });
    expect(roots).toContain(own);
    expect(roots).not.toContain(site);
    expect(importNames).toEqual(["pip"]);
  });
});

describe.runIf(present("pandas"))("this machine's pandas", () => {
  test("imports from a directory that has the view and nothing else", async () => {
    const { binds, versions, importNames } = await new PackageViews().view("python", ["pandas"]);
    expect(Object.keys(versions)).toEqual(
      expect.arrayContaining(["numpy", "pandas", "python-dateutil", "pytz", "six"]),
    );
    expect(importNames).toEqual(["pandas"]);
    for (const { source, target } of binds) {
      const link = join(site, target.replace(/^.*\/dist-packages\//, ""));
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(source, link);
    }
    const program = `import sys; sys.path.append(${JSON.stringify(site)})
import pandas as pd
print(pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}).sum().to_json())
try: import yaml, scipy, matplotlib; print("SEEN")
except ImportError as error: print(error.name)`;
    const output = execFileSync(interpreter, ["-I", "-S", "-B", "-c", program], { encoding: "utf8" });
    expect(output).toBe('{"a":6,"b":15}\nyaml\n');
  });
});

test.runIf(present("matplotlib"))(
  "this machine's matplotlib brings its data and says where it is, none of it below /etc",
  async () => {
    const view = await new PackageViews().view("python", ["matplotlib"]);
    expect(view.data.map(({ target }) => target)).toContain("/usr/share/matplotlib");
    expect(view.data.filter(({ target }) => target.startsWith("/etc"))).toEqual([]);
    expect(view.environment).toMatchObject({ MATPLOTLIBRC: "/usr/share/matplotlib/mpl-data/matplotlibrc" });
  },
);
