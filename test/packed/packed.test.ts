/** The package as a user gets it: packed, installed into an empty project, imported, type-checked, and its command run. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustRun, runProgram } from "../support/run-program.js";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const subpaths = Object.keys(manifest.exports).filter((subpath) => !subpath.endsWith(".json"));
const specifierOf = (subpath: string): string => manifest.name + subpath.slice(1);

let project: string;
let packedFiles: string[];

beforeAll(async () => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "packed-")));
  const pack = ["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", project];
  const [packed] = JSON.parse(await mustRun(pack, { cwd: root })) as { filename: string; files: { path: string }[] }[];
  packedFiles = packed!.files.map(({ path }) => path);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const install = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", `./${packed!.filename}`];
  await mustRun(install, { cwd: project, timeoutSeconds: 240 });
}, 300_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("the tarball", () => {
  it("holds the build and the texts for its readers, and nothing else", () => {
    const wanted = /^(package\.json|pipeline\.schema\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.+)$/;
    expect(packedFiles.filter((path) => !wanted.test(path))).toEqual([]);
    for (const path of ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]) expect(packedFiles).toContain(path);
    expect(packedFiles.filter((path) => /(?<!\.d)\.[cm]?ts$|tsbuildinfo|\.map$|\.test\./.test(path))).toEqual([]);
  });
});

describe("an installed package", () => {
  it.each(subpaths)("imports %s", async (subpath) => {
    const program = `console.log(Object.keys(await import(${JSON.stringify(specifierOf(subpath))})).length)`;
    const stdout = await mustRun(["node", "--input-type=module", "--eval", program], { cwd: project });
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  it("gives from its root all that its parts give", async () => {
    const program = `
      const namesOf = async (specifier) => Object.keys(await import(specifier));
      const names = await namesOf(${JSON.stringify(manifest.name)});
      const parts = ${JSON.stringify(["./parallel", "./sandbox", "./optimized", "./monitor"].map(specifierOf))};
      const lost = (await Promise.all(parts.map(namesOf))).flat().filter((name) => !names.includes(name));
      console.log(JSON.stringify(lost));`;
    const stdout = await mustRun(["node", "--input-type=module", "--eval", program], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it.each(["dist/index.js", "core/scheduler.js", "internal/anything.js"])("keeps %s to itself", async (path) => {
    const program = `import(${JSON.stringify(`${manifest.name}/${path}`)}).catch((error) => console.log(error.code))`;
    const stdout = await mustRun(["node", "--input-type=module", "--eval", program], { cwd: project });
    expect(stdout.trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("is imported in a time worth telling", async () => {
    const program = `
      const startedAt = performance.now();
      await import(${JSON.stringify(manifest.name)});
      console.log(performance.now() - startedAt);`;
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      times.push(Number(await mustRun(["node", "--input-type=module", "--eval", program], { cwd: project })));
    }
    const [, , middle] = times.sort((a, b) => a - b);
    console.info(`  cold import of ${manifest.name}: ${middle!.toFixed(0)} ms (median of 5)`);
    expect(middle).toBeGreaterThan(0);
  });

  it("has a command that tells its version", async () => {
    const { exitCode, stdout } = await runProgram([join(project, "node_modules/.bin/orchestrator"), "--version"]);
    expect({ exitCode, stdout: stdout.trim() }).toEqual({ exitCode: 0, stdout: manifest.version });
  });
});

describe("a consumer's type check", () => {
  beforeAll(() => {
    mkdirSync(join(project, "src"), { recursive: true });
    const consumer = fileURLToPath(new URL("consumer/consumer.ts", import.meta.url));
    writeFileSync(join(project, "src/consumer.ts"), readFileSync(consumer));
    const imports = subpaths.map((subpath, index) => `export * as part${index} from "${specifierOf(subpath)}";`);
    writeFileSync(join(project, "src/all.ts"), `${imports.join("\n")}\n`);
  });

  it.each([
    { module: "nodenext", moduleResolution: "nodenext" },
    { module: "esnext", moduleResolution: "bundler" },
  ])("passes with moduleResolution $moduleResolution, declarations included", async (resolution) => {
    const config = {
      compilerOptions: {
        ...resolution,
        target: "es2022",
        lib: ["es2022", "esnext.disposable"],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
      },
      include: ["src"],
    };
    const file = `tsconfig.${resolution.moduleResolution}.json`;
    writeFileSync(join(project, file), JSON.stringify(config));
    const tsc = join(root, "node_modules/.bin/tsc");
    const { exitCode, stdout } = await runProgram([tsc, "-p", file], { cwd: project });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
  });
});
