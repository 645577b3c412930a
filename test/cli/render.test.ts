import { describe, expect, test } from "vitest";
import { drawForDot } from "#src/cli/render/dot.js";
import { RemainingTime } from "#src/cli/render/estimate.js";
import { viewOf } from "#src/cli/render/graph-view.js";
import { drawForMermaid } from "#src/cli/render/mermaid.js";
import { cutToWidth } from "#src/cli/render/moving-part.js";
import { RunProgress } from "#src/cli/render/progress.js";
import { harmless, makeStyle, type OutputStream, wantsColour, wantsDrawing } from "#src/cli/render/style.js";
import { drawForTerminal } from "#src/cli/render/terminal-graph.js";
import type { RunEvent } from "#src/model/event.js";
import type { ExecutionResult } from "#src/model/result.js";
import { parsePipeline } from "#src/pipeline/load.js";

const stream = (isTTY: boolean) => ({ isTTY }) as unknown as OutputStream;
const plain = makeStyle(stream(false), {});

describe("colour and drawing", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [false, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
    [true, { TERM: "dumb" }, false],
  ])("terminal %s, %j: colour %s", (isTTY, env, colour) => {
    expect(wantsColour(stream(isTTY), env)).toBe(colour);
  });

  test.each([
    [true, {}, true],
    [true, { CI: "true" }, false],
    [true, { CI: "false" }, true],
    [true, { TERM: "dumb" }, false],
    [false, {}, false],
  ])("terminal %s, %j: drawing %s", (isTTY, env, drawing) => {
    expect(wantsDrawing(stream(isTTY), env)).toBe(drawing);
  });

  test("what a task writes cannot drive the terminal", () => {
    expect(harmless("a\u001b[31mred\u001b[0m b\u001b]0;title\u0007 \u001b[2J")).toBe(
      "ared b\ufffd]0;title\ufffd \ufffd[2J",
    );
  });

  test("a line is cut by what is seen of it", () => {
    expect(cutToWidth("\u001b[31mabcdef\u001b[39m", 3)).toBe("\u001b[31mabc\u001b[39m");
  });
});

const pipeline = parsePipeline(`
name: shapes
tasks:
  read: {command: [cat, 'a "b"']}
  left: {command: [a], needs: read, retry: 2}
  right: {command: [b], needs: read, onFailure: {command: [rm]}}
  lone: {command: [c]}
  each: {command: [d], forEach: [1, 2], concurrency: 2, needs: [lone]}
  join: {command: [e], needs: [left, right, read], when: true}
  end: {command: [f], needs: [join, each], loop: {until: "index > 3", maxIterations: 9}}
`);

describe("drawings of a graph", () => {
  test("for a terminal", () => {
    expect(`\n${drawForTerminal(viewOf(pipeline), plain)}`).toMatchInlineSnapshot(`
      "
      shapes
      ●        read              $ cat a "b"
      ├─●      left              $ a  3 attempts
      ├─│─●    right             $ b
      │ │ ├─●  right:on-failure  $ rm  when right fails
      │ │ │ ●  lone              $ c
      │ │ │ ●  each              $ d  for each, 2 at once
      ●─┴─╯ │  join              $ e  when true
      ●─────╯  end               $ f  loop, at most 9
      "
    `);
  });

  test("for Mermaid", () => {
    expect(`\n${drawForMermaid(viewOf(pipeline))}`).toMatchInlineSnapshot(`
      "
      ---
      title: "shapes"
      ---
      flowchart TD
        n0["<b>read</b><br>$ cat a #34;b#34;"]
        n1["<b>left</b><br>$ a<br><i>3 attempts</i>"]
        n2["<b>right</b><br>$ b"]
        n3[/"<b>right:on-failure</b><br>$ rm<br><i>when right fails</i>"/]
        n4["<b>lone</b><br>$ c"]
        n5[["<b>each</b><br>$ d<br><i>for each, 2 at once</i>"]]
        n6["<b>join</b><br>$ e<br><i>when true</i>"]
        n7[["<b>end</b><br>$ f<br><i>loop, at most 9</i>"]]
        n0 --> n1
        n0 --> n2
        n2 -. on failure .-> n3
        n4 --> n5
        n1 --> n6
        n2 --> n6
        n0 --> n6
        n6 --> n7
        n5 --> n7
      "
    `);
  });

  test("for Graphviz", () => {
    expect(`\n${drawForDot(viewOf(pipeline))}`).toMatchInlineSnapshot(`
      "
      digraph "shapes" {
        rankdir=TB;
        node [shape=box, style=rounded, fontname="Helvetica"];
        "read" [label="read\\n$ cat a \\"b\\""];
        "left" [label="left\\n$ a\\n3 attempts"];
        "right" [label="right\\n$ b"];
        "right:on-failure" [label="right:on-failure\\n$ rm\\nwhen right fails", style="rounded,dashed"];
        "lone" [label="lone\\n$ c"];
        "each" [label="each\\n$ d\\nfor each, 2 at once"];
        "join" [label="join\\n$ e\\nwhen true"];
        "end" [label="end\\n$ f\\nloop, at most 9"];
        "read" -> "left";
        "read" -> "right";
        "right" -> "right:on-failure" [style=dashed, label="on failure"];
        "lone" -> "each";
        "left" -> "join";
        "right" -> "join";
        "read" -> "join";
        "join" -> "end";
        "each" -> "end";
      }
      "
    `);
  });

  test("every task is drawn after what it needs, whatever the file's order", () => {
    const shuffled = parsePipeline(
      "tasks: {c: {command: [c], needs: b}, b: {command: [b], needs: a}, a: {command: [a]}}",
    );
    expect(viewOf(shuffled).nodes.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });
});

let sequence = 0;
const event = (fields: Record<string, unknown>) =>
  ({ sequence: sequence++, runId: "r", name: "n", ...fields }) as unknown as RunEvent;
const ended = (taskId: string, executionTime: number, at: number) =>
  event({ type: "task-ended", taskId, at, status: "succeeded", result: { executionTime } as ExecutionResult });

describe("progress", () => {
  test("is folded from events", () => {
    const progress = new RunProgress();
    const apply = (fields: Record<string, unknown>) => progress.apply(event(fields));
    apply({ type: "run-started", at: 0, taskCount: 2, graph: "g" });
    apply({ type: "attempt-started", at: 1, taskId: "a", attempt: 1, workerId: "thread-1" });
    apply({ type: "attempt-progress", at: 2, taskId: "a", attempt: 1, value: 0.4 });
    expect(progress.running.get("a")).toEqual({
      taskId: "a",
      attempt: 1,
      workerId: "thread-1",
      startedAt: 1,
      told: "40 %",
    });
    apply({
      type: "attempt-ended",
      at: 3,
      taskId: "a",
      attempt: 1,
      outcome: "failed",
      retryAt: 9,
      error: new Error("no"),
    });
    expect([progress.running.size, progress.retries]).toEqual([0, 1]);
    expect(progress.retrying.get("a")).toEqual({ taskId: "a", attempt: 2, retryAt: 9, message: "no" });
    apply({ type: "attempt-started", at: 9, taskId: "a", attempt: 2, workerId: "thread-1" });
    apply({ type: "tasks-added", at: 10, taskId: "a", taskIds: ["a[0]", "a[1]"] });
    apply({ type: "task-suspended", at: 10, taskId: "a" });
    progress.apply(ended("a[0]", 1, 11));
    expect(progress.waiting.get("a")).toEqual({ startedAt: 9, left: 1, of: 2 });
    apply({ type: "task-resumed", at: 12, taskId: "a" });
    progress.apply(ended("a", 3, 13));
    expect([progress.total, progress.ended, progress.running.size, progress.waiting.size]).toEqual([4, 2, 0, 0]);
  });
});

describe("what is left", () => {
  const tasks = [
    { id: "a", needs: [] },
    { id: "b", needs: ["a"] },
    { id: "c", needs: ["a"] },
    { id: "d", needs: ["b", "c"], expected: 10 },
  ];
  const progressAfterA = () => {
    const progress = new RunProgress();
    progress.apply(event({ type: "run-started", at: 0, taskCount: 4, graph: "g" }));
    progress.apply(ended("a", 4, 4000));
    return progress;
  };

  test("is not told before anything is known", () => {
    expect(new RemainingTime(tasks, 2).seconds(new RunProgress(), () => false, 0)).toBeUndefined();
  });

  test("is the longest chain, or all work shared", () => {
    const isEnded = (id: string) => id === "a";
    expect(new RemainingTime(tasks, 2).seconds(progressAfterA(), isEnded, 4000)).toBe(14);
    expect(new RemainingTime(tasks, 1).seconds(progressAfterA(), isEnded, 4000)).toBe(18);
  });

  test("goes down while a task runs, and not below nothing", () => {
    const progress = progressAfterA();
    progress.apply(event({ type: "attempt-started", at: 4000, taskId: "d", attempt: 1, workerId: "x" }));
    const estimate = new RemainingTime([{ id: "d", needs: [], expected: 10 }], 1);
    expect(estimate.seconds(progress, () => false, 7000)).toBe(7);
    expect(estimate.seconds(progress, () => false, 99_000)).toBe(0);
  });
});
