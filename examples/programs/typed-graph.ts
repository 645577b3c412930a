/** Handles instead of strings: the inputs of a task are typed by the tasks that they come from. */
import { ParallelExecutor, TaskGraph } from "orchestrator-executor";

interface Row {
  readonly region: string;
  readonly amount: number;
}

const isValid = (row: Row) => row.amount >= 0;

const graph = new TaskGraph("sales-report");
const rows = graph.task("load", (): Row[] => [
  { region: "north", amount: 120 },
  { region: "south", amount: 80 },
  { region: "north", amount: -1 },
]);
const clean = graph.task("clean", { rows }, ({ rows }) => rows.filter(isValid));
const total = graph.task("total", { clean }, ({ clean }) => clean.reduce((sum, row) => sum + row.amount, 0), {
  retries: 3,
  timeout: "30s",
});
const regions = graph.forEach("region", { items: clean }, ({ item, index }) => `${index + 1}. ${item.region}`, {
  concurrency: 2,
});
graph.task("report", { total, regions }, ({ total, regions }) => `${total} in ${regions.length} sales`);

await using executor = new ParallelExecutor();
await using run = executor.run(graph);
for await (const event of run) if (event.type === "task-ended") console.log(event.type, event.taskId, event.status);

const results = await run.results;
const sum = results.get(total);
const list = results.get(regions);
if (sum?.success) console.log("total:", sum.output + 0); // a number, and the compiler knows it
if (list?.success) console.log("regions:", list.output.join(", ")); // string[]
