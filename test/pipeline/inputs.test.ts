import { describe, expect, test } from "vitest";
import { resolveInputs } from "#src/pipeline/inputs.js";
import { parsePipeline } from "#src/pipeline/load.js";

const pipeline = parsePipeline(
  `
inputs:
  region: {description: which one}
  limit: {type: integer, default: 10, minimum: 1, maximum: 100}
  ratio: 0.5
  fast: false
  label: hello
  file: {type: path, default: data/rows.csv}
  tags: {type: list, default: []}
  options: {type: object, default: {a: 1}}
  size: {default: small, choices: [small, large]}
tasks:
  a: {command: [ls]}
`,
  { directory: "/pipelines" },
);
const resolve = (given: Record<string, unknown>) => resolveInputs(pipeline, given, { workingDirectory: "/home/me" });

describe("values", () => {
  test("defaults, with a path against the file's folder", () => {
    expect(resolve({ region: "north" })).toEqual({
      region: "north",
      limit: 10,
      ratio: 0.5,
      fast: false,
      label: "hello",
      file: "/pipelines/data/rows.csv",
      tags: [],
      options: { a: 1 },
      size: "small",
    });
  });

  test("text becomes the input's type, with a path against the working directory", () => {
    const given = {
      region: "7",
      limit: "12",
      ratio: "2.5",
      fast: "true",
      file: "x.csv",
      tags: "a, b",
      options: '{"b": 2}',
    };
    expect(resolve(given)).toMatchObject({
      region: "7",
      limit: 12,
      ratio: 2.5,
      fast: true,
      file: "/home/me/x.csv",
      tags: ["a", "b"],
      options: { b: 2 },
    });
    expect(resolve({ region: "", tags: '["a,b", 1]' }).tags).toEqual(["a,b", 1]);
  });
});

describe("every problem is told at once", () => {
  test.each([
    [{}, "input region: is required: give it with -i region=... (which one)"],
    [{ region: "x", regoin: "y" }, 'input regoin: is unknown; did you mean "region"?'],
    [{ region: "x", limit: "1.5" }, 'input limit: takes a whole number, got "1.5"'],
    [{ region: "x", limit: "" }, 'input limit: takes a whole number, got ""'],
    [{ region: "x", limit: 101 }, "input limit: takes a number up to 100, got 101"],
    [{ region: "x", fast: "yes" }, 'input fast: takes true or false, got "yes"'],
    [{ region: "x", size: "medium" }, 'input size: takes one of small, large, got "medium"'],
    [{ region: "x", tags: "[1" }, 'input tags: takes a list: a,b,c or JSON, got "[1"'],
    [{ region: "x", options: "3" }, 'input options: takes a JSON object, got "3"'],
    [{ limit: "x" }, "2 problems"],
  ])("%j", (given, message) => {
    expect(() => resolve(given)).toThrow(message);
  });
});
