/** Every runner behind the executor, in one graph and on real threads, processes, commands and sandboxes. */
import { readdirSync, readFileSync } from "node:fs";
import {
  code,
  command,
  deferred,
  ExecutionMode,
  InvalidGraphError,
  ParallelExecutor,
  type RunEvent,
  subprocess,
  type Task,
  TaskGraph,
  worker,
} from "orchestrator-executor";
import { afterAll, describe, expect, test } from "vitest";
import { present } from "../support/require-component.js";

const module = new URL("./modules/work.mjs", import.meta.url);
const executor = new ParallelExecutor({ maxWorkers: 2 });
afterAll(() => executor.close());

describe("runners", () => {
  test("carry inputs from one to the next, whatever runs them", async () => {
    const graph = new TaskGraph();
    const inline = graph.task("inline", () => [3, 1, 2]);
    const thread = graph.task(
      "thread",
      { list: inline, by: 2 },
      worker<(inputs: { list: number[]; by: number }) => number[]>(module, "multiply"),
    );
    const process_ = graph.task(
      "process",
      { list: thread, by: 5 },
      subprocess<(inputs: { list: number[]; by: number }) => number[]>(module, "multiply"),
    );
    const counted = graph.task(
      "command",
      deferred({
        resolve: (context) => ({
          work: command(["wc", "-c"], { stdin: JSON.stringify(context.output("process")), output: "text" }),
        }),
        finish: (output) => Number(output),
      }),
      { dependsOn: [process_] },
    );
    const results = await executor.executeTasks(graph);
    for (const result of results.values()) expect(result.error).toBeUndefined();
    expect(results.get(process_)).toMatchObject({
      output: [30, 10, 20],
      workerId: expect.stringMatching(/^process-\d+$/),
    });
    expect(results.get(thread)).toMatchObject({ workerId: expect.stringMatching(/^thread-\d+$/) });
    expect(results.get(counted)).toMatchObject({ output: "[30,10,20]".length });
  });

  test("a crash, a leak, a hung loop and an exit end their own attempts, and the rest goes on", async () => {
    const bad = (id: string, run: Task["run"], more: Partial<Task> = {}): Task => ({ id, run, ...more });
    const tasks: Task[] = [
      bad("thread-exit", worker(module, "exit")),
      bad("process-exit", subprocess(module, "exit")),
      bad("thread-hang", worker(module, "hang"), { timeout: "300ms" }),
      bad("process-hang", subprocess(module, "hang"), { timeout: "300ms" }),
      bad("thread-leak", worker(module, "leak"), { resources: { memory: "64MB" } }),
      bad("thread-late", worker(module, "throwLater")),
      bad("thread-socket", worker(module, "unserialisable")),
      bad("no-module", worker(new URL("file:///nowhere/at-all.mjs"), "x")),
      bad("command-fails", command(["sh", "-c", "echo what went wrong >&2; exit 3"])),
      bad("command-hangs", command(["sleep", "100"]), { timeout: "200ms" }),
      ...Array.from({ length: 40 }, (_, index) => ({
        id: `good-${index}`,
        run: worker(module, "multiply"),
        with: { list: [index], by: 2 },
      })),
    ];
    const results = await executor.executeTasks(tasks);
    const told = Object.fromEntries(
      [...results]
        .filter(([id]) => !id.startsWith("good"))
        .map(([id, result]) => [id, `${result.status} ${result.success ? "" : result.reason.kind}`]),
    );
    expect(told).toEqual({
      "thread-exit": "failed worker-exited",
      "process-exit": "failed worker-exited",
      "thread-hang": "timed-out timeout",
      "process-hang": "timed-out timeout",
      "thread-leak": "failed memory-limit",
      "thread-late": "failed worker-exited",
      "thread-socket": "failed not-serialisable",
      "no-module": "failed module-not-loaded",
      "command-fails": "failed exit-code",
      "command-hangs": "timed-out timeout",
    });
    for (let index = 0; index < 40; index++)
      expect(results.get(`good-${index}`)).toMatchObject({ success: true, output: [index * 2] });
    expect(results.get("command-fails")?.error?.message).toContain("what went wrong");
  });

  test("report progress and logs as events, and abort by signal", async () => {
    const run = executor.run([{ id: "chatty", run: worker(module, "chatty") }]);
    const events: string[] = [];
    for await (const event of run) {
      if (event.type === "attempt-progress") events.push(`progress ${JSON.stringify(event.value)}`);
      if (event.type === "attempt-log") events.push(`${event.stream} ${event.text}`);
    }
    expect(events).toEqual(["progress 0.5", "log half way"]);
    expect(run.enforcement.some(({ runner, limit }) => runner === "thread" && limit === "memory")).toBe(true);
  });

  test("an executor that is closed leaves no process behind", async () => {
    const own = new ParallelExecutor({ maxWorkers: 2 });
    const run = own.run([
      { id: "p", run: subprocess(module, "hang") },
      { id: "c", run: command(["sleep", "1000.25"]) },
    ]);
    for await (const event of run) if (event.type === "attempt-started" && event.taskId === "c") break;
    await own.close();
    expect((await run.results).get("c")).toMatchObject({ status: "cancelled" });
    const alive = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes("1000.25"));
    expect(alive).toEqual([]);
  });
});

describe.runIf(present("bubblewrap"))("code", () => {
  test("runs in sandboxes, with inputs, values and its own errors", async () => {
    const graph = new TaskGraph();
    const numbers = graph.task("numbers", () => [1, 2, 3]);
    const sum = graph.task(
      "sum",
      { numbers },
      code<number>("python", "print('adding')\nresult = sum(inputs['numbers'])"),
    );
    const doubled = graph.task("doubled", { sum }, code<number>("javascript", "inputs.sum * 2"));
    const broken = graph.task("broken", code("python", "x = 1\ny = x / 0"));
    const slow = graph.task("slow", code("bash", "sleep 100"), { timeout: "500ms" });
    const results = await executor.executeTasks(graph);
    expect(results.get(sum)).toMatchObject({ success: true, output: 6 });
    expect(results.get(doubled)).toMatchObject({ success: true, output: 12 });
    expect(results.get(broken)).toMatchObject({ status: "failed", reason: { kind: "sandbox", verdict: "error" } });
    expect(results.get(broken).error?.name).toBe("ZeroDivisionError");
    expect(results.get(slow)).toMatchObject({ status: "timed-out" });
  });

  test("tells at each attempt's end what it used and how its sandbox started", async () => {
    const run = executor.run([{ id: "a", run: code("bash", "echo 1") }]);
    const ends: RunEvent[] = [];
    for await (const event of run) if (event.type === "attempt-ended") ends.push(event);
    expect(ends).toMatchObject([
      {
        outcome: "succeeded",
        facts: { sandbox: { backend: "process", start: expect.stringMatching(/^(warm|cold)$/) } },
        resourceUsage: { cpuSeconds: expect.any(Number) },
      },
    ]);
  });

  test("is all that mode sandboxed runs", async () => {
    await using sandboxed = new ParallelExecutor({ mode: ExecutionMode.sandboxed });
    expect(() =>
      sandboxed.run([
        { id: "a", run: () => 1 },
        { id: "b", run: command(["true"]) },
      ]),
    ).toThrow(InvalidGraphError);
    const results = await sandboxed.executeTasks([{ id: "a", run: code("bash", "echo $((6 * 7))") }]);
    expect(results.get("a")).toMatchObject({ success: true, output: expect.stringMatching(/^42\n?$/) });
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
