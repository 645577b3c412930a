import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isWfFormat, readWfFormat } from "#src/pipeline/wfformat.js";
import { present, sharedData } from "../support/require-component.js";

const workflow = {
  name: "small",
  schemaVersion: "1.5",
  workflow: {
    specification: {
      tasks: [
        { name: "split_ID0000001", id: "split_ID0000001", parents: [], children: ["map_ID0000002"] },
        { name: "map_ID0000002", id: "map_ID0000002", parents: ["split_ID0000001"], children: [] },
      ],
    },
    execution: {
      makespanInSeconds: 9,
      tasks: [
        { id: "split_ID0000001", runtimeInSeconds: 2 },
        { id: "map_ID0000002", runtimeInSeconds: 3.5 },
      ],
    },
  },
};

test("tasks, what they wait for, how long they ran, and of what kind they are", () => {
  const { name, tasks, recordedMakespan } = readWfFormat(workflow);
  expect([name, recordedMakespan]).toEqual(["small", 9]);
  expect(
    tasks.map(({ id, name: kind, dependsOn, expectedDuration }) => [id, kind, dependsOn, expectedDuration]),
  ).toEqual([
    ["split_ID0000001", "split", [], 2],
    ["map_ID0000002", "map", ["split_ID0000001"], 3.5],
  ]);
});

const without = (change: (copy: typeof workflow) => void) => {
  const copy = structuredClone(workflow);
  change(copy);
  return copy;
};

test.each([
  [
    "another version",
    without((copy) => {
      copy.schemaVersion = "1.3";
    }),
    'takes WfFormat 1.5, got version "1.3"',
  ],
  [
    "no execution",
    without((copy) => {
      Reflect.deleteProperty(copy.workflow, "execution");
    }),
    "workflow.execution is missing",
  ],
  [
    "a task that did not run",
    without((copy) => {
      copy.workflow.execution.tasks.pop();
    }),
    'no execution of "map_ID0000002" was recorded',
  ],
  [
    "a runtime that is none",
    without((copy) => {
      copy.workflow.execution.tasks[0]!.runtimeInSeconds = -1;
    }),
    "takes seconds from 0, got -1",
  ],
])("%s is refused", (_name, value, message) => {
  expect(() => readWfFormat(value)).toThrow(message);
});

describe.runIf(present("wfinstances"))("recorded workflows", () => {
  const folder = sharedData("wfinstances");
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  test.each(files)("%s", (file) => {
    const value: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
    expect(isWfFormat(value)).toBe(true);
    const { tasks } = readWfFormat(value);
    const ids = new Set(tasks.map(({ id }) => id));
    expect(tasks.length).toBeGreaterThan(0);
    expect(tasks.flatMap(({ dependsOn }) => dependsOn ?? []).filter((id) => !ids.has(id))).toEqual([]);
  });
});
