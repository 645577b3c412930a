// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of pipeline files are what is tested
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SourceDocument } from "#src/pipeline/document.js";
import { parsePipeline } from "#src/pipeline/load.js";
import { PipelineError } from "#src/pipeline/problem.js";

const read = (text: string) => new SourceDocument("file.yaml", text).value;

describe("reading", () => {
  test("JSON is read as it is, tabs and all", () => {
    expect(read('{\n\t"tasks": {\n\t\t"a": {"command": ["ls", "-l"]}\n\t}\n}\n')).toEqual({
      tasks: { a: { command: ["ls", "-l"] } },
    });
  });

  test("aliases and merge keys give data of its own", () => {
    const value = read("base: &base {retry: 2, with: {a: 1}}\nfirst: {<<: *base, retry: 3}\nsecond: *base\n") as Record<
      string,
      object
    >;
    expect(value.first).toEqual({ retry: 3, with: { a: 1 } });
    expect(value.second).toEqual(value.base);
    expect(value.second).not.toBe(value.base);
  });

  test("the last anchor of a name before an alias is meant", () => {
    expect(read("a: &x 1\nb: *x\nc: &x 2\nd: *x")).toEqual({ a: 1, b: 1, c: 2, d: 2 });
  });

  test("a problem in a block of text is shown at its own line", () => {
    const document = new SourceDocument("file.yaml", "a:\n  text: |\n    one\n    two three\n    two\n");
    const text = (document.value as { a: { text: string } }).a.text;
    const problem = document.problemInString(["a", "text"], text.lastIndexOf("two"), 3, "here");
    expect([problem.line, problem.column]).toEqual([5, 5]);
  });
});

describe("bounds", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    .concat(
      [..."bcdefgh"].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[index]}`).join(", ")}]`),
    )
    .join("\n");

  test.each([
    ["a file above 1 MiB", `a: ${"x".repeat(1_100_000)}`, "a pipeline file has at most 1048576"],
    ["aliases that multiply", bomb, "more than 100000 values, with aliases expanded"],
    ["brackets in brackets", "[".repeat(500_000), "nested deeper than 64 levels"],
    ["maps in brackets", "{a: ".repeat(200_000), "nested deeper than 64 levels"],
    ["lists in lists on a line", "- ".repeat(500_000), "nested deeper than 64 levels"],
    ["keys in keys", "? ".repeat(100_000), "nested deeper than 64 levels"],
    ["anchors on anchors", "&a ".repeat(100_000), "nested deeper than 64 levels"],
    [
      "indentation without end",
      Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
      "nested deeper than 64 levels",
    ],
    [
      "merges in merges",
      `a0: &a0 {x: 1}\n${Array.from({ length: 80 }, (_, index) => `a${index + 1}: &a${index + 1} {<<: *a${index}}`).join("\n")}`,
      "merged deeper than 64 levels",
    ],
    ["a key that would reach the prototype", "__proto__: {a: 1}", "this key is not taken"],
    ["infinity", "a: .inf", "infinity and not-a-number are not taken"],
    ["a tag", "a: !!js/function 'x'", "tags (!name) are not taken"],
    ["two documents", "a: 1\n---\nb: 2\n", "a pipeline file holds one document"],
  ])("%s", (_name, text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ name: "PipelineError", message: expect.stringContaining(message) }),
    );
  });

  test("control characters of a file do not reach the terminal", () => {
    expect(() => parsePipeline("tasks:\n  a: {x\u001b[31m: 1}\n")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("\u001b") }),
    );
  });
});

describe("any text is a pipeline or is refused with a PipelineError", () => {
  const survives = (text: string) => {
    try {
      parsePipeline(text);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      expect(error.problems.length).toBeGreaterThan(0);
      for (const { line, column } of error.problems)
        expect(line === 0 || (line <= text.split("\n").length && column >= 1)).toBe(true);
    }
  };

  test("random text", () => {
    const word = fc.constantFrom(
      "tasks:",
      "\n",
      "  ",
      "- ",
      "a",
      ": ",
      "[",
      "]",
      "{",
      "}",
      "&x ",
      "*x",
      "<<",
      "!t ",
      '"',
      "'",
      "|",
      ">",
      "#",
      "${{",
      "}}",
      "inputs",
      "command",
      "\t",
      "? ",
      "%",
      "---",
      "\r\n",
      "\u2028",
    );
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }).map((words) => words.join("")),
        survives,
      ),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.string({ maxLength: 200, unit: "binary" }), survives), { numRuns: 300 });
  });

  test("random data in the place of everything", () => {
    const key = fc.constantFrom(
      "tasks",
      "inputs",
      "a",
      "b",
      "needs",
      "command",
      "module",
      "code",
      "with",
      "when",
      "forEach",
      "loop",
      "until",
      "maxIterations",
      "retry",
      "outputs",
      "onFailure",
      "env",
      "limits",
      "type",
      "default",
      "resources",
      "shell",
    );
    const leaf = fc.oneof(
      fc.constantFrom(
        "a",
        "b",
        "${{ tasks.a.output }}",
        "${{ inputs.a }",
        "tasks.b.status == 1",
        "number",
        true,
        null,
        3,
        -1,
      ),
      fc.string({ maxLength: 8 }),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        leaf,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 5 }),
      ),
    }));
    const file = fc.record(
      {
        tasks: fc.dictionary(fc.constantFrom("a", "b", "c-d"), fc.dictionary(key, value, { maxKeys: 4 }), {
          maxKeys: 3,
        }),
        inputs: value,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(file, value), (data) => survives(JSON.stringify(data, null, 1))),
      { numRuns: 500 },
    );
  });
});
