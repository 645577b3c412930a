/** What a user's program may look like; compiled against the installed package, never run. */
import { ExecutionMode, ParallelExecutor, type Task, TaskGraph } from "orchestrator-executor";

const tasks: Task[] = [
  { id: "a", run: () => 1 },
  { id: "b", run: async () => "two", dependsOn: ["a"], retries: 2, timeout: "30s" },
];

export async function program(): Promise<void> {
  await using executor = new ParallelExecutor({
    mode: ExecutionMode.parallel,
    maxWorkers: 8,
    maxConcurrentTasks: 20,
    taskTimeout: 300,
    resourceLimits: { maxMemory: "4GB", maxCpuCores: 4, gpu: 1 },
  });
  for (const [taskId, result] of await executor.executeTasksParallel(tasks)) {
    if (result.success) console.log(`Task ${taskId} completed: ${result.output}`);
    else console.log(`Task ${taskId} failed: ${result.error.message} (${result.reason.kind})`);
  }

  const graph = new TaskGraph("typed");
  const rows = graph.task("load", () => [1, 2, 3]);
  const total = graph.task("total", { rows, factor: 2 }, ({ rows, factor }) =>
    rows.reduce((sum, row) => sum + row * factor, 0),
  );
  const run = executor.run(graph, { signal: AbortSignal.timeout(1000) });
  for await (const event of run) if (event.type === "task-ended") console.log(event.taskId, event.status);
  const result = (await run.results).get(total);
  if (result?.success) console.log(result.output.toFixed(2));
}
