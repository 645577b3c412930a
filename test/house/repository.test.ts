/** What the repository itself promises: files that stay small, a lock file for everybody, texts that keep up. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface LockedPackage {
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("package.json")) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const locked = (path: string) => (JSON.parse(read(path)) as { packages: Record<string, LockedPackage> }).packages;

describe("sources", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );

  it("stay under 400 lines, or say in their first comment why not", () => {
    const long = files.filter((file) => read(`src/${file}`).split("\n").length > 400);
    const silent = long.filter((file) => !/^\/\*\*[^/]*400 lines/.test(read(`src/${file}`)));
    expect(silent).toEqual([]);
  });

  it("hold no test that is left out, and no test alone", () => {
    const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" });
    const marked = tests.filter((file) => /\.test\.ts$/.test(file) && /\.(only|todo)\(/.test(read(`test/${file}`)));
    expect(marked.filter((file) => file !== "house/repository.test.ts")).toEqual([]);
  });
});

describe("lock files", () => {
  it.each(["package-lock.json", "bench/package-lock.json"])("%s names no registry", (path) => {
    expect(Object.entries(locked(path)).filter(([, { resolved }]) => resolved?.startsWith("http"))).toEqual([]);
  });

  it("name the binaries of every platform, without which npm ci refuses them", () => {
    const lockFiles = ["package-lock.json", "bench/package-lock.json"];
    const check = ["scripts/complete-lock-file.mjs", "--check", ...lockFiles];
    expect(spawnSync("node", check, { cwd: root, encoding: "utf8" })).toMatchObject({ status: 0, stdout: "" });
  });

  it("install nothing for users that runs a script", () => {
    const scripted = Object.entries(locked("package-lock.json")).filter(
      ([, { dev, hasInstallScript }]) => hasInstallScript && !dev,
    );
    expect(scripted.map(([name]) => name)).toEqual([]);
  });
});

describe("texts", () => {
  it("give a reason for each dependency", () => {
    const page = read("docs/dependencies.md");
    const names = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it("give a reason for each Debian package", () => {
    const lines = read("scripts/debian-packages.txt")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => !/^(run|test) +[a-z0-9.+-]+ +\S.{9,}$/.test(line))).toEqual([]);
  });

  it("show two commands, of which continuous integration runs the second", () => {
    const commands = [...read("README.md").matchAll(/<!-- command: (.+) -->\n\n```sh\n(.+)\n```/g)].map(
      (match) => match[2]!,
    );
    expect(commands).toHaveLength(2);
    const extraction = /^command=\$\((.+)\)$/m.exec(read(".ci/run"))![1]!;
    expect(execFileSync("bash", ["-c", extraction], { cwd: root, encoding: "utf8" }).trim()).toBe(commands[1]);
  });

  it("name only scripts that exist", () => {
    const scripts = (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts;
    for (const page of ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]) {
      const named = [...read(page).matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
      expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
    }
    const files = Object.values(scripts).flatMap((script) => script.match(/scripts\/[a-z-]+\.[a-z]+/g) ?? []);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});

describe("licences", () => {
  it("are listed, agreed to, and in a bill of materials (npm run build:licences)", () => {
    const { stdout, stderr, status } = spawnSync("node", ["scripts/build-licences.mjs", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
  });
});
