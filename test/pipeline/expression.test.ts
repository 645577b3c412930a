import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileExpression, ExpressionError, type Scope, type ScopeName } from "#src/pipeline/expression.js";

const names: readonly ScopeName[] = ["inputs", "env", "tasks"];
const scope: Scope = {
  inputs: { n: 5, half: 2.5, list: [1, 2, 3], name: "north", nothing: null },
  env: { HOME: "/root" },
  tasks: {
    load: { status: "succeeded", output: { rows: [{ price: 2 }, { price: 3 }] } },
    "read-data": { output: "x" },
  },
};
const evaluate = (text: string) => compileExpression(text, names).evaluate(scope);

describe("values", () => {
  test.each([
    ["inputs.n + 1", 6],
    ["1 - inputs.half", -1.5],
    ["inputs.n % 2", 1],
    ["inputs.n / 2", 2.5],
    ["inputs.half % 2", 0.5],
    ["7 / 2", 3],
    ["inputs.n == 5 && inputs.n > 4", true],
    ["tasks.load.output.rows.map(row, row.price * 2)", [4, 6]],
    ["tasks.load.output.rows.size()", 2],
    ['tasks["read-data"].output', "x"],
    ['has(inputs.missing) ? "yes" : "no"', "no"],
    ["inputs.?missing.orValue(3)", 3],
    ["inputs.?missing", null],
    ['[1, "a", {"b": 2}]', [1, "a", { b: 2 }]],
    ["toJson(inputs.list)", "[1,2,3]"],
    ["toJson({'a': 1})", '{"a":1}'],
    ['fromJson("[1, 2]")[1]', 2],
    ["inputs.nothing == null", true],
  ])("%s", (text, value) => {
    expect(evaluate(text)).toEqual(value);
  });

  test("what is only taken from the scope is passed on, not copied", () => {
    const rows = (scope.tasks as { load: { output: { rows: unknown } } }).load.output.rows;
    expect(evaluate("tasks.load.output.rows")).toBe(rows);
  });
});

describe("what cannot be reached", () => {
  test.each([
    "inputs.constructor",
    'inputs["constructor"]',
    "inputs.__proto__",
    "inputs.name.constructor",
    "inputs.list.constructor",
    "tasks.load.toString",
    "inputs.list.map.call",
  ])("%s", (text) => {
    expect(() => evaluate(text)).toThrow(ExpressionError);
  });

  test.each(["process", "globalThis", "require('fs')", "toJson.constructor('x')()", "(() => 1)()"])(
    "%s is refused before anything is evaluated",
    (text) => {
      expect(() => compileExpression(text, names)).toThrow(ExpressionError);
    },
  );
});

describe("errors", () => {
  test.each([
    ["1 +", "the expression ends too early", 3],
    ["input.n", 'unknown name "input"; did you mean "inputs"?', 0],
    ["tasks.read-data.output", 'a hyphen is a minus here; write tasks["read-data"]', 11],
    ["1 + 'a'", "no such overload: int + string; string(...) makes text of a number", 0],
    ["inputs.missing", 'there is no "missing" here; has(...) asks first, and .?missing is optional', 7],
    ["9007199254740993", "the integer 9007199254740993 is beyond 2^53; string(...) keeps it whole", 0],
    ["type(1)", "gives a type, which is no plain data; string(...) makes text of it", 0],
    ["  ", "an expression is missing here", 0],
    ["1 / 0", "division by zero", 0],
    ["inputs.list[7]", "there is no item 7 in a list of 3 (the first is 0)", 0],
    ["inputs.list[-1]", "a list has no item -1", 0],
  ])("%s", (text, message, start) => {
    expect(() => evaluate(text)).toThrow(expect.objectContaining({ name: "ExpressionError", message, start }));
  });

  test("nesting is bounded", () => {
    expect(() => evaluate(`${"(".repeat(5000)}1${")".repeat(5000)}`)).toThrow(ExpressionError);
    expect(() => evaluate(`${"!".repeat(5000)}true`)).toThrow(ExpressionError);
    expect(() => evaluate(`"${"x".repeat(20_000)}"`)).toThrow("an expression has at most 10000 characters");
  });
});

test("references are found, with their constant steps", () => {
  const { references } = compileExpression('tasks.a.output.rows[inputs.n].x + tasks["b-c"].status + env.HOME', names);
  expect(references.map(({ name, path }) => [name, ...path])).toEqual([
    ["tasks", "a", "output", "rows"],
    ["inputs", "n"],
    ["tasks", "b-c", "status"],
    ["env", "HOME"],
  ]);
});

test("any text is evaluated or refused with an ExpressionError inside of it", () => {
  const word = fc.constantFrom(
    "inputs",
    "tasks",
    "env",
    ".",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    "?",
    ":",
    "+",
    "-",
    "!",
    "==",
    "&&",
    "||",
    "in",
    '"a"',
    "'b'",
    "1",
    "2.5",
    "load",
    "output",
    "n",
    "map",
    "x",
    "has",
    "size",
    "null",
    "true",
    '"',
    "\\",
    "\n",
    "$",
    "\u{1F600}",
  );
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.array(word, { maxLength: 15 }).map((words) => words.join("")),
  );
  fc.assert(
    fc.property(text, (expression) => {
      try {
        JSON.stringify(evaluate(expression));
      } catch (error) {
        expect(error).toBeInstanceOf(ExpressionError);
        const { start, end } = error as ExpressionError;
        expect(start).toBeGreaterThanOrEqual(0);
        expect(start).toBeLessThanOrEqual(expression.length);
        expect(end).toBeGreaterThanOrEqual(start);
      }
    }),
    { numRuns: 3000 },
  );
});
