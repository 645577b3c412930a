/** The programs of examples/programs, compiled as a user compiles them, and run. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { present } from "../support/require-component.js";
import { mustRun } from "../support/run-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Inside the repository, so that `import "orchestrator-executor"` means this package as built. */
const workshop = join(root, ".out/examples");

beforeAll(async () => {
  rmSync(workshop, { recursive: true, force: true });
  mkdirSync(workshop, { recursive: true });
  const config = {
    extends: "../../tsconfig.base.json",
    compilerOptions: { rootDir: "../../examples/programs", outDir: "." },
    include: ["../../examples/programs"],
  };
  writeFileSync(join(workshop, "tsconfig.json"), JSON.stringify(config));
  await mustRun([join(root, "node_modules/.bin/tsc"), "-p", workshop]);
});

const run = (name: string) => mustRun([process.execPath, join(workshop, `${name}.js`)]);

describe("examples/programs", () => {
  test("parallel", async () => {
    expect(await run("parallel")).toBe(
      [
        "Task load completed: 3,1,2",
        "Task sort completed: 1,2,3",
        "Task sum completed: 6",
        "Task broken failed: Error: no such luck",
        "Task report completed: 1,2,3: 6",
        "",
      ].join("\n"),
    );
  });

  test("typed-graph", async () => {
    const printed = await run("typed-graph");
    expect(printed).toContain("task-ended region[1] succeeded\n");
    expect(printed).toContain("total: 200\nregions: 1. north, 2. south\n");
  });

  test("dynamic", async () => {
    const printed = await run("dynamic");
    expect(printed).toContain("crawl [ 'index', 'guide', 'reference', 'install' ]\n");
    expect(printed).toContain("page:install [");
    expect(printed).toContain("settle 2\n");
  });

  test("optimized", async () => {
    expect(await run("optimized")).toBe("WORD 24 fac31cf9\n25 words in 3 calls\nagain: 3 calls, 26 from the cache\n");
  });

  test("monitored", async () => {
    const printed = await run("monitored");
    expect(printed).toMatch(/^0\.\d+ 0\.9 \{/);
  });

  test.runIf(present("linux", "bubblewrap", "util-linux", "python", "pandas", "requests"))("sandboxed", async () => {
    expect(await run("sandboxed")).toMatch(/^Code output: a +6\nb +15\n/);
  });
});
