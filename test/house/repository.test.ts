/** What the repository itself promises: files that stay small, a lock file for everybody, texts that keep up. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "oxc-parser";
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
  const files = execFileSync("git", ["ls-files", "*.ts", "*.tsx", "*.js", "*.mjs", "*.py", "*.sh", "*.css"], {
    cwd: root,
    encoding: "utf8",
  })
    .trim()
    .split("\n")
    .filter((file) => existsSync(join(root, file)));

  it("stay under 400 lines, or say in their first comment why not", () => {
    expect(files.length).toBeGreaterThan(500);
    const long = files.filter((file) => read(file).split("\n").length > 400);
    const silent = long.filter((file) => !/^\/\*[^/]*400 lines/.test(read(file)));
    expect(silent).toEqual([]);
  });

  it("lie in folders that the architecture tells", () => {
    const told = [...read("ARCHITECTURE.md").matchAll(/^\| `([a-z]+)` \|/gm)].map((match) => match[1]!);
    const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(told.sort()).toEqual(folders.map(({ name }) => name).sort());
  });

  it("read every option that they take", () => {
    const readNames = new Set<string>();
    const options: string[] = [];
    for (const file of files.filter((name) => /^src\/.*\.tsx?$/.test(name))) {
      new Visitor({
        MemberExpression(node) {
          if (!node.computed && node.property.type === "Identifier") readNames.add(node.property.name);
        },
        ObjectPattern({ properties }) {
          for (const property of properties)
            if (property.type === "Property" && property.key.type === "Identifier") readNames.add(property.key.name);
        },
        TSInterfaceDeclaration({ id, body }) {
          if (!/(Options|Config|Policy)$/.test(id.name) || /^(Resolved|Checked)/.test(id.name)) return;
          for (const member of body.body)
            if (member.type === "TSPropertySignature" && member.key.type === "Identifier")
              options.push(`${id.name}.${member.key.name}`);
        },
      }).visit(parseSync(file, read(file)).program);
    }
    expect(options.length).toBeGreaterThan(200);
    expect(options.filter((option) => !readNames.has(option.split(".")[1]!))).toEqual([]);
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

describe("the README", () => {
  it("shows the figures of bench/results (node scripts/build-figures.mjs)", () => {
    const { stdout, stderr, status } = spawnSync("node", ["scripts/build-figures.mjs", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
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
