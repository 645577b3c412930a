/** Holds the map of scenarios in README.md to what there is: each has tests, each test is there under its title, and none is skipped for good. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const tests = dirname(import.meta.dirname);
const ids = Array.from({ length: 30 }, (_, index) => `S${String(index + 1).padStart(2, "0")}`);

const rows = readFileSync(join(import.meta.dirname, "README.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| S\d\d \|/.test(line))
  .map((line) => line.slice(2, -2).split(" | "));

test("every scenario has a row, and each has one", () => {
  expect(rows.map(([id]) => id)).toEqual(ids);
  for (const row of rows) expect(row, row[0]).toHaveLength(4);
});

/** Of programs the title is what they are about; of tests, of which tables have the first column, what stands in quotation marks. */
function isThere(source: string, title: string): boolean {
  const quoted = [`"${title}"`, `'${title}'`, `\`${title}\``];
  return quoted.some((words) => source.includes(words));
}

describe.each(rows)("%s", (...row) => {
  const named = [...row[3]!.matchAll(/`([^`]+)`: "([^"]+)"/g)].map(([, file, title]) => ({
    file: file!,
    title: title!,
  }));

  test("names tests, and nothing that is none", () => {
    expect(named.length).toBeGreaterThan(0);
    expect(row[3]!.replace(/`[^`]+`: "[^"]+"(?:; )?/g, "")).toBe("");
  });

  test.each(named)('$file: "$title"', ({ file, title }) => {
    const path = join(tests, file);
    expect(existsSync(path), file).toBe(true);
    const source = readFileSync(path, "utf8");
    expect(isThere(source, title), title).toBe(true);
    const before = source.slice(0, source.indexOf(title)).trimEnd();
    expect(before.split("\n").at(-1)).not.toMatch(/\b(?:skip|todo|only)\(/);
  });
});
