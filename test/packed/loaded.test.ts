/** What an import loads: nobody pays for what is not used. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mustRun } from "../support/run-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How many modules of ours an import loads at most. */
const mostModules = { parallel: 40, root: 128 };

/** The modules that are loaded after the program, relative to the repository. */
async function loadedBy(program: string): Promise<string[]> {
  return (await urlsOf(program))
    .filter((url) => url.startsWith("file:"))
    .map((url) => fileURLToPath(url).replace(root, ""))
    .sort();
}

/** The modules of Node that are imported after the program. */
const builtinsOf = async (program: string): Promise<string[]> =>
  (await urlsOf(program)).filter((url) => url.startsWith("node:")).sort();

async function urlsOf(program: string): Promise<string[]> {
  const hooks = `
    let port;
    export const initialize = (given) => { port = given; };
    export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };`;
  const script = `
    import { register } from "node:module";
    import { MessageChannel } from "node:worker_threads";
    const { port1, port2 } = new MessageChannel();
    const loaded = [];
    port1.on("message", (url) => loaded.push(url));
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)}, { data: port2, transferList: [port2] });
    ${program}
    await import("data:text/javascript,/*last*/");
    while (!loaded.at(-1)?.includes("last")) await new Promise((resolve) => setTimeout(resolve, 1));
    port1.close();
    console.log(JSON.stringify(loaded));`;
  const printed = await mustRun([process.execPath, "--input-type=module", "--eval", script], { cwd: root });
  return JSON.parse(printed.trim().split("\n").at(-1)!) as string[];
}

/** Folders of ours, and packages, without what lies in them. */
const placesOf = (modules: readonly string[]): string[] => [
  ...new Set(modules.map((module) => /^(dist\/[^/]+\/|node_modules\/(@[^/]+\/)?[^/]+)/.exec(module)?.[0] ?? module)),
];

describe("an import of orchestrator-executor/parallel", () => {
  test("loads the engine alone, and no package", async () => {
    const modules = await loadedBy(`await import("orchestrator-executor/parallel");`);
    expect(placesOf(modules)).toEqual(["dist/core/", "dist/executor/", "dist/model/", "dist/parallel.js"]);
    // Each costs half a millisecond of every program's start: what only some runs need is to be loaded by them.
    expect(modules.length).toBeLessThanOrEqual(mostModules.parallel);
    expect(modules.filter((module) => /\/(journal|restore|task-stream)/.test(module))).toEqual([]);
  });

  test("loads no module of Node that is slow to load", async () => {
    expect(await builtinsOf(`await import("orchestrator-executor/parallel");`)).toEqual([
      "node:diagnostics_channel",
      "node:os",
    ]);
  });

  test("and a run of functions load nothing more", async () => {
    const imported = `const { ParallelExecutor } = await import("orchestrator-executor/parallel");`;
    const run = `
      const executor = new ParallelExecutor();
      await executor.executeTasks([{ id: "a", run: () => 1 }]);
      await executor.close();`;
    expect(await loadedBy(imported + run)).toEqual(await loadedBy(imported));
  });
});

describe("an import of the root", () => {
  /** What a program pays for when it uses it. */
  const unwanted = [
    /^dist\/(dashboard|cli|mcp|pipeline|testing|host\/(?!process-identity))/,
    /^dist\/sandbox\/(backends?|run|process|line|language|open-sandboxes|choose-backend)\b/,
    /^dist\/runner\/(?!remote\/|thread\/(worker-pool|options)\.js)/,
    /^dist\/runner\/remote\/(bullmq|coordinator)\//,
    /^dist\/(optimize\/cache\/(?!task-cache)|journal\/open-journal)/,
    /find-interpreter|\.cjs$/,
  ];

  test("loads no page, no Redis, no backend of a sandbox, no threads, no tier of a cache, nothing of the command line", async () => {
    const modules = await loadedBy(`await import("orchestrator-executor");`);
    expect(modules.filter((module) => unwanted.some((name) => name.test(module)))).toEqual([]);
    expect(modules.length).toBeLessThanOrEqual(mostModules.root);
  });

  test("loads no package: not yaml, zod, semver, lru-cache, bullmq, ioredis, or the client of Docker", async () => {
    const modules = await loadedBy(`await import("orchestrator-executor");`);
    expect(placesOf(modules).filter((place) => place.startsWith("node_modules/"))).toEqual([]);
  });

  test("loads no module of Node that is slow to load", async () => {
    expect(await builtinsOf(`await import("orchestrator-executor");`)).toEqual([
      "node:diagnostics_channel",
      "node:fs",
      "node:fs/promises",
      "node:os",
      "node:path",
      "node:url",
      "node:util",
    ]);
  });
});
