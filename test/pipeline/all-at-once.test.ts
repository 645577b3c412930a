/** One reading of a file tells what is wrong with its shape and with what it names. */
import { describe, expect, test } from "vitest";
import { parsePipeline } from "#src/pipeline/load.js";
import { PipelineError } from "#src/pipeline/problem.js";

function problemsOf(text: string): string[] {
  try {
    parsePipeline(text);
    return [];
  } catch (error) {
    return (error as PipelineError).problems.map(({ line, where, message }) => `${line} ${where}: ${message}`);
  }
}

describe("a file with wrong values", () => {
  test("is told of what the right ones name, too", () => {
    const problems = problemsOf(`
inputs:
  limit: { type: integr, default: 5 }
limits: { maxConcurrentTask: 3 }
tasks:
  read:
    command: [cat, "\${{ inputs.limti }}"]
    timout: 5s
  clean:
    needs: [raed, join]
    command: [ls]
    timeout: 5 parsecs
  join:
    needs: clean
    command: "ls | wc"
  both:
    command: [ls]
    module: ./no-such.js
  tried:
    command: [ls]
    retry: { attemps: 3 }
    when: tasks.read.output ==
`);
    expect(problems).toEqual([
      expect.stringMatching(/^3 inputs\.limit\.type: takes one of/),
      '4 limits.maxConcurrentTask: unknown key; did you mean "maxConcurrentTasks"?',
      '7 tasks.read.command[1]: unknown input "limti"; did you mean "limit"?',
      '8 tasks.read.timout: unknown key; did you mean "timeout"?',
      expect.stringMatching(/^9 tasks\.clean: a cycle: clean -> join -> clean/),
      expect.stringMatching(/^10 tasks\.clean\.needs\[0\]: .*"raed".*did you mean "read"/),
      expect.stringMatching(/^12 tasks\.clean\.timeout: takes seconds/),
      expect.stringMatching(/^15 tasks\.join\.command: /),
      "18 tasks.both.module: has command already: a task does one thing",
      expect.stringMatching(/^18 tasks\.both\.module: there is no file .*no-such\.js/),
      '21 tasks.tried.retry.attempts: "attempts" is missing',
      '21 tasks.tried.retry.attemps: unknown key; did you mean "attempts"?',
      "22 tasks.tried.when: the expression ends too early",
    ]);
  });

  test("is not told of what only follows from them", () => {
    expect(problemsOf("tasks:\n  a:\n    command: { x: 1 }\n  b: { needs: a, command: [ls] }")).toEqual([
      expect.stringMatching(/^3 tasks\.a\.command: takes a list of arguments/),
    ]);
    expect(problemsOf(`tasks:\n  a:\n    forEch: [1]\n    command: [echo, '\${{ item }}']`)).toEqual([
      '3 tasks.a.forEch: unknown key; did you mean "forEach"?',
    ]);
    expect(problemsOf(`input: { a: 1 }\ntasks:\n  a: { command: [echo, '\${{ inputs.a }}'] }`)).toEqual([
      '1 input: unknown key; did you mean "inputs"?',
    ]);
    expect(problemsOf("tasks:\n  a: 3\n  b: { needs: a, command: [ls] }")).toEqual([
      expect.stringMatching(/^2 tasks\.a: takes a map/),
    ]);
    expect(problemsOf("tasks: []")).toEqual([expect.stringMatching(/^1 tasks: takes a map/)]);
  });

  test("is not run", () => {
    expect(() => parsePipeline("tasks:\n  a: { command: [ls], timout: 1 }")).toThrow(PipelineError);
  });
});
