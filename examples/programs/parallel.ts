/** Tasks as plain objects, run in parallel within limits. */
import { ParallelExecutor, type Task } from "orchestrator-executor";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const tasks: Task[] = [
  { id: "load", run: () => pause(20).then(() => [3, 1, 2]) },
  { id: "sort", inputs: { rows: "load" }, run: ({ rows }) => [...rows].sort() },
  {
    id: "sum",
    inputs: { rows: "load" },
    run: ({ rows }) => rows.reduce((sum: number, row: number) => sum + row, 0),
  },
  {
    id: "broken",
    dependsOn: ["load"],
    run: () => {
      throw new Error("no such luck");
    },
  },
  { id: "report", inputs: { sorted: "sort", sum: "sum" }, run: ({ sorted, sum }) => `${sorted}: ${sum}` },
];

const executor = new ParallelExecutor({
  maxWorkers: 8,
  maxConcurrentTasks: 20,
  taskTimeout: 300,
  resourceLimits: { maxMemory: "4GB", maxCpuCores: 4 },
});
const results = await executor.executeTasksParallel(tasks); // executeTasks(tasks) follows config.mode
for (const [taskId, result] of results) {
  if (result.success) console.log(`Task ${taskId} completed: ${result.output}`);
  else console.log(`Task ${taskId} failed: ${result.error}`);
}
