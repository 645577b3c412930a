import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { present, sharedData } from "../support/require-component.js";
import { cli, withFolder } from "./cli.js";

const cwd = fileURLToPath(new URL("pipelines/", import.meta.url));

describe("simulate", () => {
  test("a pipeline whose durations nobody knows says so", async () => {
    const { code, stdout } = await cli(["simulate", "good.yaml", "--workers", "1,8"], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain("good: 5 tasks, 5.0s of work, critical path 3.0s");
    expect(stdout).toContain("1s is assumed for first, again, logs, never, each: give them an expectedDuration");
    expect(stdout).toMatch(/^ {6}1 +5.0s +5.0s +0.0 % +100 % +1.0×$/m);
    expect(stdout).toMatch(/^ {6}8 +3.0s/m);
  });

  test("durations of an earlier run", () =>
    withFolder(async (folder) => {
      const file = join(folder, "last.json");
      expect((await cli(["run", "good.yaml", "--output", file], { cwd })).code).toBe(0);
      const { code, stdout } = await cli(["simulate", "good.yaml", "--durations", file, "--json", "-w", "2"], { cwd });
      expect(code).toBe(0);
      const { assumedDurations, predictions } = JSON.parse(stdout);
      expect(assumedDurations).toEqual(["never"]);
      expect(predictions[0].tasks.map(({ taskId }: { taskId: string }) => taskId)).toEqual(
        expect.arrayContaining(["each[0]", "each[2]"]),
      );
    }));

  test.each<[string, string, string[], string]>([
    [
      "a durations file of another kind",
      "{}",
      ["good.yaml", "--durations"],
      'is not what "orchestrator run --output" writes',
    ],
    ["a durations file that is no JSON", "x", ["good.yaml", "--durations"], "cannot be read"],
    [
      "a workflow of another version",
      '{"schemaVersion": "1.4", "workflow": {"specification": {}}}',
      [],
      'takes WfFormat 1.5, got version "1.4"',
    ],
    ["a file that is neither", "{", [], "flow"],
  ])("%s is bad input", (_name, text, args, message) =>
    withFolder(async (folder) => {
      const file = join(folder, "file.json");
      writeFileSync(file, text);
      const { code, stdout, stderr } = await cli(["simulate", ...args, file], { cwd });
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(message);
    }),
  );

  test.runIf(present("wfinstances"))(
    "a recorded workflow never beats its lower bound, and more workers never take longer",
    async () => {
      const file = join(sharedData("wfinstances"), "montage-chameleon-dss-075d-001.json");
      const { code, stdout } = await cli(["simulate", file, "--workers", "2,8,32,178", "--json"]);
      expect(code).toBe(0);
      const { predictions } = JSON.parse(stdout) as { predictions: { makespan: number; lowerBound: number }[] };
      for (const { makespan, lowerBound } of predictions) expect(makespan).toBeGreaterThanOrEqual(lowerBound - 1e-6);
      const makespans = predictions.map(({ makespan }) => makespan);
      expect(makespans).toEqual([...makespans].sort((left, right) => right - left));
      expect(makespans.at(-1)).toBeCloseTo(predictions.at(-1)!.lowerBound, 3);
    },
  );
});
