// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of pipeline files are what is tested
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { parsePipeline } from "#src/pipeline/load.js";
import { planPipeline } from "#src/pipeline/plan.js";
import { present } from "../support/require-component.js";

const directory = fileURLToPath(new URL("modules/", import.meta.url));
const executor = new ParallelExecutor({ maxWorkers: 2 });
afterAll(() => executor.close());

async function run(tasks: object, inputs: Record<string, unknown> = {}, env: Record<string, string> = {}) {
  const declared = Object.fromEntries(Object.keys(inputs).map((name) => [name, { default: "" }]));
  const file = { env: Object.keys(env), inputs: declared, tasks };
  const plan = planPipeline(parsePipeline(JSON.stringify(file), { directory }), { inputs, env });
  return executor.executeTasks(plan.graph);
}

async function outputs(tasks: object, inputs: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const results = await run(tasks, inputs);
  for (const result of results.values()) if (!result.success) throw result.error;
  return Object.fromEntries([...results].map(([id, { output }]) => [id, output]));
}

describe("commands", () => {
  test("output as text, JSON, and everything", async () => {
    expect(
      await outputs({
        text: { command: ["printf", "a\\n\\n"] },
        json: { command: ["echo", '{"a": [1]}'], stdout: "json" },
        result: { command: ["sh", "-c", "echo out; echo err >&2; exit 3"], stdout: "result", successCodes: [0, 3] },
        stdin: { command: ["cat"], stdin: "got: ${{ tasks.json.output.a[0] }}" },
        cwd: { command: ["ls", "tasks.mjs"] },
        number: { command: ["echo", 1, true] },
      }),
    ).toEqual({
      text: "a\n",
      json: { a: [1] },
      result: { exitCode: 3, stdout: "out\n", stderr: "err\n", truncated: false },
      stdin: "got: 1",
      cwd: "tasks.mjs",
      number: "1 true",
    });
  });

  test("an expression is one argument, and a variable, whatever is in it", async () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        "$(touch /tmp/owned)",
        "`id`",
        "; rm -rf x",
        "a b",
        "'",
        '"',
        "\\",
        "--help",
        "*",
        "${{ inputs.value }}",
        "$HOME",
        "\n",
        "",
      ),
      fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "").toWellFormed()),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 3 }), async (values) => {
        const value = values.join("");
        const node = ["node", "-e", "console.log(JSON.stringify(process.argv.slice(1)))"];
        const given = await outputs(
          {
            list: { command: [...node, "--", "${{ inputs.value }}", "x${{ inputs.value }}y"], stdout: "json" },
            shell: { shell: true, command: "printf '%s|' \"$VALUE\" end", env: { VALUE: "${{ inputs.value }}" } },
          },
          { value },
        );
        expect(given).toEqual({ list: [value, `x${value}y`], shell: `${value}|end|` });
      }),
      { numRuns: 12 },
    );
  });

  test("a command sees the variables of the env list and its own, and no others", async () => {
    process.env.PIPELINE_SECRET = "secret";
    process.env.PIPELINE_LISTED = "listed";
    const list = { command: ["sh", "-c", "env | grep ^PIPELINE_ | sort"], env: { PIPELINE_OWN: "own" } };
    const results = await run({ list }, {}, { PIPELINE_LISTED: "listed" });
    expect(results.get("list")!.output).toBe("PIPELINE_LISTED=listed\nPIPELINE_OWN=own");
  });

  test("a list is no argument", async () => {
    const results = await run({ a: { command: ["echo", "${{ tasks.b.output }}"] }, b: { module: "./tasks.mjs#echo" } });
    expect(results.get("a")!.error!.message).toMatch(/^argument 1 of the command is a map/);
  });
});

describe("modules", () => {
  test.each(["thread", "process"])("in a %s", async (runner) => {
    const module = "./tasks.mjs#echo";
    expect(
      await outputs({
        first: { module, runner, with: { n: 1, list: [1, { a: null }] } },
        second: { module, runner, with: { first: "${{ tasks.first.output }}" } },
      }),
    ).toEqual({ first: { n: 1, list: [1, { a: null }] }, second: { first: { n: 1, list: [1, { a: null }] } } });
  });

  test("a wrong output expression fails its own task", async () => {
    const results = await run({ a: { module: "./tasks.mjs#echo", outputs: { x: "${{ output.nothing }}" } } });
    expect(results.get("a")).toMatchObject({ status: "failed" });
    expect(results.get("a")!.error!.message).toContain('${{ output.nothing }}: there is no "nothing" here');
  });
});

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))("code", () => {
  test("its inputs are data, its result is the output", async () => {
    const value = "'); import os; os.system('id') #";
    expect(
      await outputs(
        {
          double: {
            code: { language: "python", source: "result = [inputs['text'] * 2, inputs['n'] + 1]" },
            with: { text: "${{ inputs.value }}", n: 1 },
          },
          after: {
            code: { language: "javascript", source: "result = inputs.list.length" },
            with: { list: "${{ tasks.double.output }}" },
          },
        },
        { value },
      ),
    ).toEqual({ double: [value + value, 2], after: 2 });
  });

  test("variables and standard input of its own", async () => {
    const source = "import os, sys\nresult = os.environ['WHO'] + sys.stdin.read()";
    const code = { language: "python", source };
    expect(await outputs({ a: { code, env: { WHO: "${{ inputs.who }}" }, stdin: "!" } }, { who: "me" })).toEqual({
      a: "me!",
    });
  });

  test("code that fails", async () => {
    const results = await run({ a: { code: { language: "python", source: "x = 1\nraise ValueError('no')" } } });
    expect(results.get("a")).toMatchObject({ status: "failed", reason: { kind: "sandbox", verdict: "error" } });
    expect(results.get("a")!.error!.message).toContain("no");
  });
});
