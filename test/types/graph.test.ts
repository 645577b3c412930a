/** Types of graphs: this file is checked by the compiler; running it proves only that it loads. */

import {
  type ExecutionResult,
  ParallelExecutor,
  subprocess,
  TaskGraph,
  type TaskHandle,
  worker,
} from "orchestrator-executor";
import { expectTypeOf, test } from "vitest";

interface Row {
  readonly price: number;
}

declare function clean(inputs: { rows: readonly Row[]; limit: number }, context: unknown): Promise<Row[]>;

test("inputs are typed by the handles that they come from", () => {
  const graph = new TaskGraph();
  const rows = graph.task("rows", async (): Promise<Row[]> => [{ price: 1 }]);
  expectTypeOf(rows).toEqualTypeOf<TaskHandle<Row[]>>();
  const total = graph.task("total", { rows, scale: 2 }, ({ rows, scale }, context) => {
    expectTypeOf(rows).toEqualTypeOf<Row[]>();
    expectTypeOf(scale).toEqualTypeOf<2>();
    expectTypeOf(context.attempt).toBeNumber();
    return rows.length * scale;
  });
  expectTypeOf(total).toEqualTypeOf<TaskHandle<number>>();
  const each = graph.forEach("each", { items: rows, unit: "EUR" }, ({ item, index, unit }) => {
    expectTypeOf(item).toEqualTypeOf<Row>();
    expectTypeOf(index).toBeNumber();
    expectTypeOf(unit).toEqualTypeOf<"EUR">();
    return `${item.price} ${unit}`;
  });
  expectTypeOf(each).toEqualTypeOf<TaskHandle<string[]>>();
});

test("work in workers is typed by the function that it names", () => {
  const graph = new TaskGraph();
  const rows = graph.task("rows", (): Row[] => []);
  const module = new URL("file:///tasks.js");
  expectTypeOf(graph.task("clean", { rows, limit: 5 }, worker<typeof clean>(module, "clean"))).toEqualTypeOf<
    TaskHandle<Row[]>
  >();
  expectTypeOf(graph.task("clean-2", { rows, limit: 5 }, subprocess<typeof clean>(module, "clean"))).toEqualTypeOf<
    TaskHandle<Row[]>
  >();
  // @ts-expect-error: an input is missing
  graph.task("missing", { rows }, worker<typeof clean>(module, "clean"));
  // @ts-expect-error: an input is of another type
  graph.task("wrong", { rows, limit: "5" }, worker<typeof clean>(module, "clean"));
});

test("common mistakes do not compile", () => {
  const graph = new TaskGraph();
  const name = graph.task("name", () => "text");
  graph.task("mistake", { name }, ({ name }) => {
    // @ts-expect-error: a string has no such method
    return name.toFixed();
  });
  // @ts-expect-error: there is no such input
  graph.task("unknown", { name }, ({ nmae }) => nmae);
  // @ts-expect-error: there is no such option
  graph.task("option", () => 1, { retry: 3 });
});

test("results are typed by handles, and told apart by success", () => {
  async function check(): Promise<void> {
    const graph = new TaskGraph();
    const count = graph.task("count", () => 3);
    const results = await new ParallelExecutor().executeTasks(graph);
    const result = results.get(count);
    expectTypeOf(result).toEqualTypeOf<ExecutionResult<number>>();
    if (result.success) expectTypeOf(result.output).toBeNumber();
    else expectTypeOf(result.error).toEqualTypeOf<Error>();
    expectTypeOf(results.get("count")).toEqualTypeOf<ExecutionResult | undefined>();
    for await (const event of new ParallelExecutor().run(graph))
      expectTypeOf(event.taskId).toEqualTypeOf<string | undefined>();
  }
  void check;
});
