/** What the README and docs/ show is true: their programs type-check, run and print what is said; their links lead somewhere. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustRun, runProgram } from "../support/run-program.js";
import { anchorsOf, type Block, blocksOf, linksOf, printsAs, readBlocks } from "./docs-blocks.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Inside the repository, so that `import "orchestrator-executor"` means this package as built. */
const workshop = join(root, ".out/docs");

/** Of the programs, which leave there what a reader may want to look at. */
const temporary = mkdtempSync(join(tmpdir(), "docs-"));
const env = { TMPDIR: temporary };

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
].sort();
const blocks = pages.flatMap((page) => readBlocks(root, page));
const programs = blocks.filter(({ language, marks }) => language === "ts" && !marks.includes("fragment"));
const runnable = programs.filter(({ marks }) => marks.includes("run"));
const pipelines = blocks.filter(({ language, marks }) => language === "yaml" && marks.includes("pipeline"));

const place = ({ page, line }: Block): string => `${page}:${line}`;
const folderOf = (block: Block): string => join(workshop, block.page.replace(/\.md$/, ""));
const nameOf = (block: Block, extension: string): string => block.file ?? `line-${block.line}.${extension}`;

beforeAll(async () => {
  rmSync(workshop, { recursive: true, force: true });
  mkdirSync(workshop, { recursive: true });
  writeFileSync(join(workshop, "tsconfig.json"), JSON.stringify(compilerConfig));
  for (const block of [...programs, ...pipelines]) {
    const path = join(folderOf(block), nameOf(block, block.language));
    mkdirSync(dirname(path), { recursive: true });
    // `export {}` makes a module of a program that imports nothing.
    writeFileSync(path, block.language === "ts" ? `${block.text}export {};\n` : block.text);
  }
});

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const compilerConfig = {
  extends: "../../tsconfig.base.json",
  compilerOptions: { rootDir: ".", noUnusedLocals: false, noUnusedParameters: false },
  include: ["."],
};

describe("programs", () => {
  it("type-check", async () => {
    const { stdout } = await runProgram([join(root, "node_modules/.bin/tsc"), "-p", workshop], { cwd: workshop });
    const named = stdout.replace(/^(\S+?)\/line-(\d+)\.ts\((\d+),/gm, (_, page: string, line: string, row: string) => {
      return `${page}.md:${Number(line) + Number(row)} (`;
    });
    expect(named).toBe("");
  });

  it.each(runnable.map((block) => ({ name: place(block), block })))(
    "$name runs and prints what is said",
    async ({ block }) => {
      const script = join(folderOf(block), nameOf(block, "ts")).replace(/\.ts$/, ".js");
      const stdout = await mustRun(["node", script], { cwd: folderOf(block), env });
      expectSaid(block, stdout);
    },
  );
});

describe("pipeline files", () => {
  const orchestrator = ["node", join(root, "dist/cli/main.js")];

  it.each(pipelines.map((block) => ({ name: place(block), block })))(
    "$name is valid, and runs where it says so",
    async ({ block }) => {
      const cwd = folderOf(block);
      const file = nameOf(block, "yaml");
      await mustRun([...orchestrator, "validate", file], { cwd, env });
      if (block.marks.includes("run"))
        expectSaid(block, await mustRun([...orchestrator, "run", "--quiet", file], { cwd, env }));
    },
  );
});

function expectSaid(block: Block, printed: string): void {
  const next = blocks[blocks.indexOf(block) + 1];
  if (next?.page !== block.page || next.language !== "text" || !next.marks.includes("output")) return;
  if (!printsAs(next.text, printed)) expect(printed, place(next)).toBe(next.text);
}

describe("links", () => {
  it.each(pages)("of %s lead to files and headings that exist", (page) => {
    const broken = linksOf(readFileSync(join(root, page), "utf8")).filter((target) => {
      const [path, anchor] = target.split("#") as [string, string?];
      const file = path === "" ? join(root, page) : resolve(root, dirname(page), path);
      if (!existsSync(file)) return true;
      return anchor !== undefined && file.endsWith(".md") && !anchorsOf(readFileSync(file, "utf8")).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe("the reading of pages", () => {
  it("finds blocks with their marks and lines", () => {
    const page = "Text\n\n```ts run file=a.ts\nconst x = 1;\n```\n\n````md\n```ts\n```\n````\n";
    expect(blocksOf("a.md", page)).toEqual([
      { page: "a.md", line: 3, language: "ts", marks: ["run", "file=a.ts"], file: "a.ts", text: "const x = 1;\n" },
      { page: "a.md", line: 7, language: "md", marks: [], file: undefined, text: "```ts\n```\n" },
    ]);
    expect(() => blocksOf("a.md", "```ts\nconst x = 1;\n")).toThrow("a.md:1: the code block is not closed");
  });

  it("compares what is printed, with any lines for dots", () => {
    expect(printsAs("a (1)\n...\nb\n", "a (1)\nx\ny\nb\n")).toBe(true);
    expect(printsAs("a\nb\n", "a\nx\nb\n")).toBe(false);
  });

  it("finds links and headings, but none in code", () => {
    const page =
      "# A `b` c\n\n[x](docs/a.md#b) `[y](no.md)` [z](https://example.com)\n\n```md\n# no\n[n](no.md)\n```\n";
    expect(linksOf(page)).toEqual(["docs/a.md#b"]);
    expect(anchorsOf(page)).toEqual(["a-b-c"]);
  });
});
