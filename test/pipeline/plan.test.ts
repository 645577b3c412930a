// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of pipeline files are what is tested
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { parsePipeline } from "#src/pipeline/load.js";
import { type PlanOptions, planPipeline } from "#src/pipeline/plan.js";

const directory = fileURLToPath(new URL("modules/", import.meta.url));
const executors: ParallelExecutor[] = [];

afterEach(async () => {
  for (const executor of executors.splice(0)) await executor.close();
});

/** Runs a file by the real executor. */
async function run(text: string, options: PlanOptions = {}) {
  const plan = planPipeline(parsePipeline(text, { directory }), options);
  const executor = new ParallelExecutor(plan.config);
  executors.push(executor);
  const results = await executor.executeTasks(plan.graph);
  const outputs = Object.fromEntries([...results].map(([id, result]) => [id, result.output]));
  const statuses = Object.fromEntries([...results].map(([id, result]) => [id, result.status]));
  return { plan, results, outputs, statuses, given: plan.outputs(results) };
}

const inline = "runner: inline";

describe("values reach tasks", () => {
  test("inputs, env and outputs, with their types", async () => {
    const { outputs, given } = await run(
      `
inputs: {n: 3}
env: [PLACE, ABSENT]
tasks:
  first: {module: ./tasks.mjs#echo, ${inline}, with: {n: "\${{ inputs.n }}", where: "in \${{ env.PLACE }}"}}
  second:
    module: ./tasks.mjs#echo
    ${inline}
    with: {whole: "\${{ tasks.first.output }}", more: "\${{ tasks.first.output.n + 1 }}", status: "\${{ tasks.first.status }}"}
  third:
    module: ./tasks.mjs#echo
    ${inline}
    needs: second
    outputs: {kept: "\${{ output.kept }}-\${{ inputs.n }}"}
    with: {kept: "a"}
  fourth: {module: ./tasks.mjs#echo, ${inline}, with: {kept: "\${{ tasks.third.outputs.kept }}"}}
outputs: {kept: "\${{ tasks.fourth.output.kept }}", list: ["\${{ tasks.second.output.more }}", 2]}
`,
      { env: { PLACE: "here", SECRET: "hidden" } },
    );
    expect(outputs.first).toEqual({ n: 3, where: "in here" });
    expect(outputs.second).toEqual({ whole: outputs.first, more: 4, status: "succeeded" });
    expect(given).toEqual({ values: { kept: "a-3", list: [4, 2] }, missing: {} });
  });

  test("what depends on inputs alone fails before anything starts, with its place", () => {
    const text = `
inputs: {rows: {type: list, default: []}}
env: [ABSENT]
tasks:
  a: {module: ./tasks.mjs#echo, ${inline}, with: {first: "\${{ inputs.rows[0] }}", second: "\${{ env.ABSENT }}"}}
`;
    expect(() => planPipeline(parsePipeline(text, { directory }), { env: {} })).toThrow(
      /pipeline.yaml:5:.*\n.*2 problems|the environment variable ABSENT is not set/s,
    );
  });

  test("inputs that cannot be made into an argument are told at their task, before anything starts", () => {
    const text = `
inputs: {tags: {type: list, default: [1]}}
tasks:
  a: {command: [echo, "\${{ inputs.tags }}"]}
  b: {command: [echo, "tags: \${{ inputs.tags }}"]}
`;
    const plan = () => planPipeline(parsePipeline(text, { directory }));
    expect(plan).toThrow(/yaml:4:3\n {2}tasks.a: argument 1 of the command is a list; it takes text/);
    expect(plan).toThrow(/yaml:5:3\n {2}tasks.b: \$\{\{ inputs.tags \}\}: gives a list; inside text/);
  });

  test("outputs that need what failed are missing, with the reason", async () => {
    const { given } = await run(`
tasks: {a: {module: ./tasks.mjs#fail, ${inline}}}
outputs: {x: "\${{ tasks.a.output }}", status: "\${{ tasks.a.status }}", why: "\${{ tasks.a.error.message }}"}
`);
    expect(given.values).toEqual({ status: "failed", why: "no luck" });
    expect(given.missing).toEqual({ x: 'task "a" failed' });
  });
});

describe("conditions, triggers and handlers", () => {
  test("when", async () => {
    const { results, statuses } = await run(`
inputs: {n: 3}
tasks:
  yes: {module: ./tasks.mjs#echo, ${inline}, when: inputs.n == 3}
  no: {module: ./tasks.mjs#echo, ${inline}, when: "tasks.yes.output.size() > 0"}
  never: {module: ./tasks.mjs#echo, ${inline}, when: false}
  wrong: {module: ./tasks.mjs#echo, ${inline}, when: inputs.n}
`);
    expect(statuses).toEqual({ yes: "succeeded", no: "skipped", never: "skipped", wrong: "failed" });
    expect(results.get("no")).toMatchObject({
      reason: { kind: "condition", detail: "not tasks.yes.output.size() > 0" },
    });
    expect(results.get("wrong")!.error!.message).toContain("when takes true or false, got 3");
  });

  test("a failure runs its own handler and the tasks that wait for one", async () => {
    const { outputs, statuses } = await run(`
tasks:
  bad:
    module: ./tasks.mjs#fail
    ${inline}
    onFailure: {module: ./tasks.mjs#echo, ${inline}, with: {told: "\${{ tasks.bad.error.message }}"}}
  good: {module: ./tasks.mjs#echo, ${inline}, onFailure: {module: ./tasks.mjs#echo, ${inline}}}
  after: {module: ./tasks.mjs#echo, ${inline}, needs: bad, onFailure: {module: ./tasks.mjs#echo, ${inline}}}
  fallback: {module: ./tasks.mjs#echo, ${inline}, needs: bad, trigger: any-failed}
  always: {module: ./tasks.mjs#echo, ${inline}, needs: [after, fallback], trigger: all-done}
`);
    expect(statuses).toEqual({
      bad: "failed",
      "bad:on-failure": "succeeded",
      good: "succeeded",
      "good:on-failure": "skipped",
      after: "skipped",
      "after:on-failure": "skipped",
      fallback: "succeeded",
      always: "succeeded",
    });
    expect(outputs["bad:on-failure"]).toEqual({ told: "no luck" });
  });

  test("retry.if decides by the error", async () => {
    const { results } = await run(`
tasks:
  a: {module: ./tasks.mjs#fail, ${inline}, retry: {attempts: 4, delay: 1ms, if: "attempt < 2 && error.message == 'no luck'"}}
  b: {module: ./tasks.mjs#fail, ${inline}, retry: {attempts: 3, delay: 1ms}}
  c: {module: ./tasks.mjs#fail, ${inline}}
defaults: {retry: {attempts: 2, delay: 1ms}}
`);
    expect(["a", "b", "c"].map((id) => results.get(id)!.attempts)).toEqual([2, 3, 2]);
  });
});

describe("repetition", () => {
  test("forEach gives the list of its items' outputs, in order", async () => {
    const { outputs, statuses } = await run(`
tasks:
  list: {module: ./tasks.mjs#echo, ${inline}, with: {names: [x, y, z]}}
  each:
    forEach: tasks.list.output.names
    concurrency: 2
    module: ./tasks.mjs#item
    ${inline}
    with: {value: "\${{ item }}", index: "\${{ index }}"}
    outputs: {last: "\${{ output[2] }}"}
  fixed: {forEach: [1, 2], module: ./tasks.mjs#item, ${inline}, with: {value: "\${{ item * 2 }}", index: "\${{ tasks.each.outputs.last }}"}}
  empty: {forEach: [], module: ./tasks.mjs#item, ${inline}}
`);
    expect(outputs.each).toEqual(["x@0", "y@1", "z@2"]);
    expect(outputs.fixed).toEqual(["2@z@2", "4@z@2"]);
    expect(outputs.empty).toEqual([]);
    expect(statuses["each[1]"]).toBe("succeeded");
  });

  test("forEach over something else, and a failed item", async () => {
    const { results } = await run(`
inputs: {n: 3}
tasks:
  wrong: {forEach: inputs.n, module: ./tasks.mjs#item, ${inline}}
  some: {forEach: [1, 2], module: ./tasks.mjs#fail, ${inline}, with: {message: "item \${{ item }}"}}
`);
    expect(results.get("wrong")!.error!.message).toBe("forEach takes a list, got 3");
    expect(results.get("some")!.error!.message).toBe(
      '2 of 2 tasks of "some" did not succeed; the first is "some[0]": item 1',
    );
    expect(results.get("some")).toMatchObject({ reason: { kind: "child-failed", taskIds: ["some[0]", "some[1]"] } });
  });

  test("a loop ends when its condition holds, and fails when it never does", async () => {
    const { outputs, results } = await run(`
tasks:
  poll: {loop: {until: output.n >= 3, maxIterations: 9}, module: ./tasks.mjs#count, ${inline}, with: {previous: "\${{ previous }}"}}
  never: {loop: {until: index > 9, maxIterations: 2}, module: ./tasks.mjs#count, ${inline}}
`);
    expect(outputs.poll).toEqual({ n: 3 });
    expect(results.get("poll#2")!.status).toBe("succeeded");
    expect(results.has("poll#3")).toBe(false);
    expect(results.get("never")).toMatchObject({ reason: { kind: "loop-limit", iterations: 2 } });
  });
});

test("a module without the export says what it has", async () => {
  const { results } = await run(`
tasks: {a: {module: ./tasks.mjs#ecko, ${inline}}, b: {module: ./tasks.mjs#notAFunction, ${inline}}}
`);
  expect(results.get("a")!.error!.message).toMatch(/exports no function "ecko"; it exports .*echo/);
  expect(results.get("b")).toMatchObject({ reason: { kind: "module-not-loaded" } });
});
