import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { exceptions, mayImport, pureFolders, violationsOf } from "./direction-rules.js";
import { importsOf, readImportGraph, runTimeCycles } from "./import-graph.js";

const src = fileURLToPath(new URL("../../src", import.meta.url));
const folders = Object.keys(mayImport);

describe("the sources", () => {
  const edges = readImportGraph(src);

  it("import in the agreed directions only", () => {
    expect(edges.length).toBeGreaterThan(50);
    expect(violationsOf(edges).map(({ message }) => message)).toEqual([]);
  });

  it("import only files that exist", () => {
    const files = new Set(readdirSync(src, { recursive: true, encoding: "utf8" }));
    const relative = edges.filter(({ to }) => to.endsWith(".ts"));
    expect(relative.filter(({ to }) => !files.has(to)).map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it("have no circle of files at run time", () => {
    expect(runTimeCycles(edges).map((cycle) => cycle.join(" -> "))).toEqual([]);
  });
});

describe("each rule sees a deliberate violation", () => {
  const broken = folders.flatMap((from) =>
    folders.filter((to) => to !== from && !mayImport[from]!.includes(to)).map((to) => ({ from, to })),
  );

  it.each(broken)("$from importing $to", ({ from, to }) => {
    const forms = [
      `import { x } from "../${to}/x.js"; x();`,
      `import type { X } from "../${to}/x.js"; export type Y = X;`,
      `export * from "../${to}/x.js";`,
      `export type { X } from "../${to}/x.js";`,
      `await import("../${to}/x.js");`,
      `export type X = import("../${to}/x.js").X;`,
      `new Worker(new URL("../${to}/x.js", import.meta.url));`,
    ];
    for (const source of forms) expect(rulesBroken(`${from}/violation.ts`, source), source).toEqual(["direction"]);
    expect(rulesBroken(`${from}/deeper/violation.ts`, `import "../../${to}/x.js";`)).toEqual(["direction"]);
  });

  it.each(folders)("%s importing the public surface", (from) => {
    expect(rulesBroken(`${from}/violation.ts`, `import { ParallelExecutor } from "../index.js";`)).toEqual([
      "direction",
    ]);
  });

  it.each(pureFolders)("%s importing Node or a package", (from) => {
    for (const source of [`import "node:fs";`, `import type { Stats } from "node:fs";`, `import "zod";`]) {
      expect(rulesBroken(`${from}/violation.ts`, source), source).toEqual(["pure"]);
    }
  });

  it("an executor's file other than compose.ts importing a concrete part", () => {
    for (const { to } of exceptions.slice(0, 1)) {
      for (const folder of to) {
        const source = `import "../${folder}/x.js";`;
        expect(rulesBroken("executor/run.ts", source)).toEqual(["direction"]);
        expect(rulesBroken("executor/compose.ts", source)).toEqual([]);
      }
    }
  });

  it("a runner other than the sandbox's importing sandbox", () => {
    const source = `import "../sandbox/x.js";`;
    expect(rulesBroken("runner/inline.ts", source)).toEqual(["direction"]);
    expect(rulesBroken("runner/sandbox.ts", source)).toEqual([]);
  });

  it("a worker that loads more than what workers share and model", () => {
    const file = "runner/thread/entry.ts";
    expect(rulesBroken(file, `import "./pool.js";`)).toEqual(["worker"]);
    expect(rulesBroken(file, `import "zod";`)).toEqual(["worker"]);
    expect(rulesBroken(file, `await import("../../port/runner.js");`)).toEqual(["worker"]);
    expect(rulesBroken(file, `import type { Pool } from "./pool.js"; import "node:fs";`)).toEqual([]);
    expect(rulesBroken(file, `import "../worker/serve.js"; import "../../model/error.js";`)).toEqual([]);
    const indirect = [
      ...importsOf(file, `import "../worker/serve.js";`),
      ...importsOf("runner/worker/serve.ts", `import "../../port/clock.js";`),
    ];
    expect(violationsOf(indirect).map(({ rule, edge }) => [rule, edge.from])).toEqual([
      ["worker", "runner/worker/serve.ts"],
    ]);
  });

  it("a folder that no rule knows", () => {
    expect(rulesBroken("novel/file.ts", `import "../model/task.js";`)).toEqual(["unknown-folder"]);
  });

  it("a circle of files, but not of types", () => {
    const circle = [...importsOf("core/a.ts", `import "./b.js";`), ...importsOf("core/b.ts", `import "./a.js";`)];
    expect(runTimeCycles(circle)).toEqual([["core/a.ts", "core/b.ts", "core/a.ts"]]);
    const types = [
      ...importsOf("core/a.ts", `import "./b.js";`),
      ...importsOf("core/b.ts", `import type { A } from "./a.js";`),
    ];
    expect(runTimeCycles(types)).toEqual([]);
  });
});

function rulesBroken(file: string, source: string): string[] {
  return violationsOf(importsOf(file, source)).map(({ rule }) => rule);
}
