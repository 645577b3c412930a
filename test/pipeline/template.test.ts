// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of pipeline files are what is tested
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpressionError, type Scope } from "#src/pipeline/expression.js";
import { compileCondition, compileTemplate, splitTemplate } from "#src/pipeline/template.js";

const scope: Scope = { inputs: { n: 5, list: [1, 2], name: "a'b\"c $(rm)" } };
const refuse = (_path: unknown, error: ExpressionError) => {
  throw error;
};
const evaluate = (value: unknown) => compileTemplate(value, [], ["inputs"], refuse).evaluate(scope);

describe("templates", () => {
  test.each([
    ["plain text", "plain text"],
    ["", ""],
    ["${{ inputs.n }}", 5],
    ["${{ inputs.list }}", [1, 2]],
    ["n is ${{ inputs.n }}", "n is 5"],
    ["${{ inputs.n }}${{ inputs.n }}", "55"],
    [" ${{ inputs.n }}", " 5"],
    ["${{ {'a': {'b': inputs.n}} }}", { a: { b: 5 } }],
    ['${{ "}}" }}', "}}"],
    ["${{ '\\'}}' }}", "'}}"],
    ["$${{ inputs.n }}", "${{ inputs.n }}"],
    ["$5 and ${ not }", "$5 and ${ not }"],
    [
      { a: ["${{ inputs.n }}", 1, null], "b c": true },
      { a: [5, 1, null], "b c": true },
    ],
    [{ escaped: "$${{" }, { escaped: "${{" }],
    [3, 3],
  ])("%j", (value, expected) => {
    expect(evaluate(value)).toEqual(expected);
  });

  test.each([
    [
      "x ${{ inputs.list }}",
      "${{ inputs.list }}: gives a list; inside text it takes a string, number or boolean (toJson(...) makes text of anything)",
    ],
    [
      "x ${{ inputs.missing }}",
      '${{ inputs.missing }}: there is no "missing" here; has(...) asks first, and .?missing is optional',
    ],
    ["a ${{ inputs.n", "${{ is not closed by }}"],
    ['a ${{ "}} ', "${{ is not closed by }}"],
  ])("%s is refused", (value, message) => {
    expect(() => evaluate(value)).toThrow(message);
  });

  test("an error's place is that in the whole string", () => {
    expect(() => evaluate("abc ${{ nothing }}")).toThrow(expect.objectContaining({ start: 8, end: 15 }));
  });

  test("a condition is an expression with or without the braces", () => {
    const ask = (text: string) => compileCondition(text, [], ["inputs"], refuse).evaluate(scope);
    expect(ask("inputs.n > 3")).toBe(true);
    expect(ask("${{ inputs.n > 3 }}")).toBe(true);
  });

  test("text without an expression comes out as it went in", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("${{")),
        (text) => {
          expect(evaluate(text)).toBe(text);
        },
      ),
    );
  });

  test("a value that was put into text is never read again as a template", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const template = compileTemplate("<${{ inputs.value }}>", [], ["inputs"], refuse);
        expect(template.evaluate({ inputs: { value } })).toBe(`<${value}>`);
      }),
    );
  });

  test("the pieces of any string are in it, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("${{", "}}", "$", "{", "}", '"', "a", " "), { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        try {
          for (const part of splitTemplate(text))
            if (part.kind === "expression") expect(text.startsWith(part.source, part.start)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
        }
      }),
    );
  });
});
