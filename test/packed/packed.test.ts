/** The package as a user gets it: packed, installed into an empty project, imported, type-checked, and its command run. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustRun, runProgram } from "../support/run-program.js";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const subpaths = Object.keys(manifest.exports).filter((subpath) => !subpath.endsWith(".json"));
const specifierOf = (subpath: string): string => manifest.name + subpath.slice(1);
/** Whose declarations speak in types of an optional peer, which its users have installed. */
const ofPeers = ["./opentelemetry"];

let project: string;
let packedFiles: string[];

beforeAll(async () => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "packed-")));
  const pack = ["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", project];
  const [packed] = JSON.parse(await mustRun(pack, { cwd: root })) as { filename: string; files: { path: string }[] }[];
  packedFiles = packed!.files.map(({ path }) => path);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  await install(`./${packed!.filename}`);
}, 300_000);

async function install(...packages: readonly string[]): Promise<void> {
  const argv = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", ...packages];
  await mustRun(argv, { cwd: project, timeoutSeconds: 240 });
}

/** What a program of the user prints. */
function printed(program: string): Promise<string> {
  return mustRun(["node", "--input-type=module", "--eval", program], { cwd: project });
}

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("the tarball", () => {
  it("holds the build and the texts for its readers, and nothing else", () => {
    const wanted = /^(package\.json|pipeline\.schema\.json|sbom\.cdx\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.+)$/;
    expect(packedFiles.filter((path) => !wanted.test(path))).toEqual([]);
    for (const path of ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]) expect(packedFiles).toContain(path);
    expect(packedFiles.filter((path) => /(?<!\.d)\.[cm]?ts$|tsbuildinfo|\.map$|\.test\./.test(path))).toEqual([]);
  });
});

describe("an installed package", () => {
  it.each(subpaths)("imports %s", async (subpath) => {
    const program = `console.log(Object.keys(await import(${JSON.stringify(specifierOf(subpath))})).length)`;
    const stdout = await printed(program);
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  it("gives from its root all that its parts give", async () => {
    const program = `
      const namesOf = async (specifier) => Object.keys(await import(specifier));
      const names = await namesOf(${JSON.stringify(manifest.name)});
      const parts = ${JSON.stringify(["./parallel", "./sandbox", "./optimized", "./monitor"].map(specifierOf))};
      const lost = (await Promise.all(parts.map(namesOf))).flat().filter((name) => !names.includes(name));
      console.log(JSON.stringify(lost));`;
    const stdout = await printed(program);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  it.each(["dist/index.js", "core/scheduler.js", "internal/anything.js"])("keeps %s to itself", async (path) => {
    const program = `import(${JSON.stringify(`${manifest.name}/${path}`)}).catch((error) => console.log(error.code))`;
    const stdout = await printed(program);
    expect(stdout.trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("is imported in a time worth telling", async () => {
    const program = `
      const startedAt = performance.now();
      await import(${JSON.stringify(manifest.name)});
      console.log(performance.now() - startedAt);`;
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      times.push(Number(await printed(program)));
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

const resolutions = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" },
];

/** Compiles a program that uses the root and exports all of `parts`, with the declarations of all that these import. */
async function typeCheck(resolution: Readonly<Record<string, string>>, parts: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(project, "check-"));
  const consumer = fileURLToPath(new URL("consumer/consumer.ts", import.meta.url));
  writeFileSync(join(folder, "consumer.ts"), readFileSync(consumer));
  const exports = parts.map((subpath, index) => `export * as part${index} from "${specifierOf(subpath)}";`);
  writeFileSync(join(folder, "all.ts"), `${exports.join("\n")}\n`);
  const compilerOptions = {
    ...resolution,
    target: "es2022",
    lib: ["es2022", "esnext.disposable"],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["."] }));
  const { exitCode, stdout } = await runProgram([join(root, "node_modules/.bin/tsc"), "-p", folder], { cwd: project });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
}

describe("a consumer without the optional peers", () => {
  it("has none of them", async () => {
    for (const peer of Object.keys(manifest.peerDependencies)) {
      const program = `import(${JSON.stringify(peer)}).catch((error) => console.log(error.code))`;
      expect((await printed(program)).trim(), peer).toBe("ERR_MODULE_NOT_FOUND");
    }
  });

  it.each(resolutions)("passes its type check with moduleResolution $moduleResolution", async (resolution) => {
    const alone = subpaths.filter((subpath) => !ofPeers.includes(subpath));
    await typeCheck(resolution, alone);
  });

  it("is told what to install for OpenTelemetry", async () => {
    const stdout = await printed(`
      import { openTelemetry } from ${JSON.stringify(specifierOf("./opentelemetry"))};
      try { openTelemetry() } catch ({ code, message }) { console.log(code + "\\n" + message) }`);
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "PACKAGE_NOT_FOUND",
      "traces and metrics of OpenTelemetry need the package @opentelemetry/api: npm install @opentelemetry/api",
    ]);
  });

  it("is told what to install for many machines", async () => {
    const { exitCode, stderr } = await runProgram(
      [join(project, "node_modules/.bin/orchestrator"), "cluster", "--connection", "redis://127.0.0.1:1"],
      { cwd: project },
    );
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining("needs the packages bullmq and ioredis: npm install bullmq ioredis"),
    });
  });

  it("is told what to install for a shared cache", async () => {
    const stdout = await printed(`
      import { TaskCache } from ${JSON.stringify(specifierOf("./optimized"))};
      process.on("warning", ({ message }) => console.log(message));
      const cache = new TaskCache({ redis: "redis://127.0.0.1:1" });
      console.log(await cache.getOrCompute("key", () => "computed"));
      await cache.close();`);
    expect(stdout).toContain("computed\n");
    expect(stdout).toContain("needs the package ioredis: npm install ioredis");
  });
});

describe("a consumer with @opentelemetry/api", () => {
  beforeAll(() => install(`@opentelemetry/api@${manifest.peerDependencies["@opentelemetry/api"]}`), 300_000);

  it.each(resolutions)(
    "passes its type check with moduleResolution $moduleResolution, declarations included",
    async (resolution) => await typeCheck(resolution, subpaths),
  );

  it("has its runs traced", async () => {
    const stdout = await printed(`
      import { trace } from "@opentelemetry/api";
      import { ParallelExecutor } from ${JSON.stringify(manifest.name)};
      import { openTelemetry } from ${JSON.stringify(specifierOf("./opentelemetry"))};
      const span = trace.wrapSpanContext({ traceId: "1".repeat(32), spanId: "1".repeat(16), traceFlags: 1 });
      const tracer = { startSpan: (name) => (console.log("span:", name), span) };
      trace.setGlobalTracerProvider({ getTracer: () => tracer });
      const executor = new ParallelExecutor({ monitor: openTelemetry() });
      await executor.executeTasks([{ id: "load", run: () => 1 }]);
      await executor.close();`);
    expect(stdout).toBe("span: run tasks\nspan: load\n");
  });
});
