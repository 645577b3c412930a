/**
 * Code blocks of the README and of docs/. What a block must withstand is written after its language:
 *
 *     ```ts run               type-checked and run; it must end with 0
 *     ```ts                   type-checked
 *     ```ts fragment          a piece that cannot stand alone: neither
 *     ```ts file=tasks.ts     a module that the blocks after it import as "./tasks.js": type-checked
 *     ```text output          what the block that was run before it prints; a line `...` stands for any lines
 *     ```yaml pipeline        a pipeline file: checked by `orchestrator validate`
 *     ```yaml pipeline run    the same, and run
 *     ```yaml pipeline file=a.yaml   the same, under this name
 */
import { readFileSync } from "node:fs";

export interface Block {
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The words after the language. */
  readonly marks: readonly string[];
  /** Of `file=name`. */
  readonly file: string | undefined;
  readonly text: string;
}

export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; fence: string; info: string; lines: string[] } | undefined;
  markdown.split("\n").forEach((line, index) => {
    const fence = /^(`{3,})(.*)$/.exec(line);
    if (open && fence && fence[1]!.length >= open.fence.length && fence[2]!.trim() === "") {
      const [language = "", ...marks] = open.info.split(/\s+/).filter(Boolean);
      const file = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length);
      blocks.push({ page, line: open.line, language, marks, file, text: `${open.lines.join("\n")}\n` });
      open = undefined;
    } else if (open) {
      open.lines.push(line);
    } else if (fence) {
      open = { line: index + 1, fence: fence[1]!, info: fence[2]!, lines: [] };
    }
  });
  if (open) throw new SyntaxError(`${page}:${open.line}: the code block is not closed`);
  return blocks;
}

export function readBlocks(root: string, page: string): Block[] {
  return blocksOf(page, readFileSync(`${root}/${page}`, "utf8"));
}

/** Whether `printed` is what the page says; a line `...` there stands for any lines. */
export function printsAs(said: string, printed: string): boolean {
  const pattern = said
    .trimEnd()
    .split("\n")
    .map((line) => (line.trim() === "..." ? "(.*\\n)*?" : `${line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\n`))
    .join("");
  return new RegExp(`^${pattern}$`).test(`${printed.trimEnd()}\n`);
}

/** Links of a page to files and headings of this repository: `[text](target)`, outside code. */
export function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^(`{3,})[^\n]*\n[\s\S]*?^\1\s*$/gm, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)[^()]*\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors that GitHub gives to the headings of a page. */
export function anchorsOf(markdown: string): string[] {
  const prose = markdown.replace(/^(`{3,})[^\n]*\n[\s\S]*?^\1\s*$/gm, "");
  return [...prose.matchAll(/^#{1,6} +(.+?) *$/gm)].map((match) =>
    match[1]!
      .replace(/`|\[|\]\([^)]*\)|\*/g, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
