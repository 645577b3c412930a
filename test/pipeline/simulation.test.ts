import { expect, test } from "vitest";
import { simulate } from "#src/core/simulate.js";
import { parsePipeline } from "#src/pipeline/load.js";
import { simulatedGraph } from "#src/pipeline/simulation.js";

const pipeline = parsePipeline(`
limits: {resources: {gpu: 1}, maxCpuCores: 4}
tasks:
  a: {command: [a], expectedDuration: 2s, onFailure: {command: [x]}}
  fallback: {command: [f], needs: a, trigger: any-failed}
  each: {command: [e], forEach: "[1, 2, 3]", concurrency: 2, needs: a}
  loop: {command: [l], loop: {until: "true", maxIterations: 5}, needs: a}
  b: {command: [b], needs: [each, loop, fallback], resources: {gpu: 1}, priority: 3}
`);

test("what runs when all goes well, with what is held", () => {
  const { tasks, resources, maxCpuCores, unknown } = simulatedGraph(pipeline);
  expect(tasks.map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
    ["a", []],
    ["each", ["a"]],
    ["loop", ["a"]],
    ["b", ["each", "loop"]],
  ]);
  expect(tasks[3]).toMatchObject({ priority: 3, resources: { gpu: 1 } });
  expect([resources, maxCpuCores, unknown]).toEqual([{ gpu: 1 }, 4, ["each", "loop", "b"]]);
});

test("recorded items run side by side as far as they may, recorded iterations one after another", () => {
  const recorded = new Map([
    ["a", 1],
    ["each[0]", 4],
    ["each[1]", 4],
    ["each[2]", 4],
    ["each", 9],
    ["loop#0", 2],
    ["loop#1", 3],
    ["loop", 6],
    ["b", 1],
  ]);
  const { tasks, resources } = simulatedGraph(pipeline, recorded);
  const { makespan, tasks: simulated } = simulate(tasks, { workers: 8, resources });
  const span = (id: string) => simulated.find(({ taskId }) => taskId === id)!;
  expect([span("loop#0").start, span("loop#1").start]).toEqual([1, 3]);
  expect(["each[0]", "each[1]", "each[2]"].map((id) => span(id).start).sort()).toEqual([1, 1, 5]);
  expect(makespan).toBe(1 + 8 + 1);
});
